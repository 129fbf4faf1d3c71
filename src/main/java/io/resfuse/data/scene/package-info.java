/** Pictures with several objects, composed of pictures of one, and files of them. */
@NullMarked
package io.resfuse.data.scene;

import org.jspecify.annotations.NullMarked;
