/**
 * The engine {@code cudnn}: inference and training with the convolutions and batch norms of
 * NVIDIA's library, the opponent of our kernels, in plans of the engine {@code cuda}. Everything
 * that touches it natively is in {@code dnn}.
 */
@NullMarked
package io.resfuse.engine.cudnn;

import org.jspecify.annotations.NullMarked;
