/**
 * The CUDA driver as the engine needs it: contexts, memory, streams, graphs, modules, kernels and
 * typed launches. The only package that touches JCuda. Internal to the engine {@code cuda}.
 *
 * <p>Whatever holds something of the driver is {@link java.lang.AutoCloseable} and counted ({@link
 * io.resfuse.engine.cuda.internal.driver.Context#liveObjects}). Failures are {@link
 * io.resfuse.engine.EngineException}s with CUDA's name of the error and what was being done.
 */
@NullMarked
package io.resfuse.engine.cuda.internal.driver;

import org.jspecify.annotations.NullMarked;
