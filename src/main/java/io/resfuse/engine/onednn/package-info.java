/**
 * The CPU engine: <a href="https://uxlfoundation.github.io/oneDNN/">oneDNN</a> through bytedeco's
 * binding of its C API.
 *
 * <p>Activations lie in NHWC. {@link io.resfuse.engine.onednn.Scope} and {@link
 * io.resfuse.engine.onednn.Dnnl} are the only classes that touch native handles.
 */
@NullMarked
package io.resfuse.engine.onednn;

import org.jspecify.annotations.NullMarked;
