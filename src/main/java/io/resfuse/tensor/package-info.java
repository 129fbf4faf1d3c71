/** Shapes, element types, layouts and tensors in the host's memory. Uses nothing else of ours. */
@NullMarked
package io.resfuse.tensor;

import org.jspecify.annotations.NullMarked;
