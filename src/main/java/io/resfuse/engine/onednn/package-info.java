/**
 * The CPU engine: <a href="https://uxlfoundation.github.io/oneDNN/">oneDNN</a> through bytedeco's
 * binding of its C API.
 *
 * <p>Activations lie in NHWC in inference, in training in the {@link
 * io.resfuse.engine.onednn.TrainingFormat} that oneDNN has kernels for. {@link
 * io.resfuse.engine.onednn.Scope} and {@link io.resfuse.engine.onednn.Dnnl} are the only classes
 * that touch native handles.
 */
@NullMarked
package io.resfuse.engine.onednn;

import org.jspecify.annotations.NullMarked;
