/**
 * The geometry of object detection, in plain Java: boxes and what they share, the anchors of a
 * feature pyramid, which anchor stands for which object, how boxes are coded relative to anchors,
 * which of many overlapping boxes stay, and the two losses of RetinaNet with their gradients. Knows
 * nothing of engines and networks. Float32, in torchvision's order of operations.
 */
@NullMarked
package io.resfuse.detect;

import org.jspecify.annotations.NullMarked;
