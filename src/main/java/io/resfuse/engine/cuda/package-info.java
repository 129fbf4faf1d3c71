/**
 * Our CUDA kernels through JCuda, and softcuda, the driver that runs them where there is no GPU.
 */
@NullMarked
package io.resfuse.engine.cuda;

import org.jspecify.annotations.NullMarked;
