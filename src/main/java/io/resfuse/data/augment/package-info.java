/** Random changes of training pictures. */
@NullMarked
package io.resfuse.data.augment;

import org.jspecify.annotations.NullMarked;
