/** How good segmentations and detections are, by the definitions of their fields. */
@NullMarked
package io.resfuse.train.metric;

import org.jspecify.annotations.NullMarked;
