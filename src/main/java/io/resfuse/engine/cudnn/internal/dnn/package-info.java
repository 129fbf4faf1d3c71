/**
 * cuDNN as the engine needs it: its handle, descriptors, and operation graphs, as small typed
 * objects. The only package that touches JCudnn. Internal to the engine {@code cudnn}.
 *
 * <p>{@link io.resfuse.engine.cudnn.internal.dnn.Dnn#load} must come first. Whatever holds
 * something of cuDNN is {@link java.lang.AutoCloseable} and counted ({@link
 * io.resfuse.engine.cudnn.internal.dnn.Dnn#liveObjects}). Failures are {@link
 * io.resfuse.engine.EngineException}s with cuDNN's name of the error and what was being done.
 */
@NullMarked
package io.resfuse.engine.cudnn.internal.dnn;

import org.jspecify.annotations.NullMarked;
