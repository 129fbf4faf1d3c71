/**
 * Pictures and data sets: decoding, preprocessing that equals Pillow's and torchvision's, data sets
 * on disk, augmentation, and a loader that works ahead on threads of its own. Uses {@code tensor}
 * and {@code platform} only.
 */
@NullMarked
package io.resfuse.data;

import org.jspecify.annotations.NullMarked;
