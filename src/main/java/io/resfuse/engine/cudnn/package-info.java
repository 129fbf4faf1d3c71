/**
 * The engine {@code cudnn}: inference with the convolutions of NVIDIA's library, the opponent of
 * our kernels, in plans of the engine {@code cuda}. Everything that touches it natively is in
 * {@code dnn}.
 */
@NullMarked
package io.resfuse.engine.cudnn;

import org.jspecify.annotations.NullMarked;
