/** Pictures: decoding, resizing, and what networks want of them: crops, channels, normalization. */
@NullMarked
package io.resfuse.data.image;

import org.jspecify.annotations.NullMarked;
