/**
 * cuDNN, NVIDIA's library, as the opponent of our kernels: finding and loading it. Everything that
 * touches it natively is in {@code dnn}.
 */
@NullMarked
package io.resfuse.engine.cudnn;

import org.jspecify.annotations.NullMarked;
