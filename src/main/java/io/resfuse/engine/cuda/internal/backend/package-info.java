/**
 * Who runs convolutions and, in training, batch norms: the interface, what all who implement it
 * share, and our kernels behind it. Internal: not part of the published API.
 */
@NullMarked
package io.resfuse.engine.cuda.internal.backend;

import org.jspecify.annotations.NullMarked;
