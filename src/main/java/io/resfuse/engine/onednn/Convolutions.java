package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.Operation.Window;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.jspecify.annotations.Nullable;

/** Plans convolutions and their gradients. */
final class Convolutions {
  private Convolutions() {}

  static dnnl_primitive_desc forward(
      Scope scope,
      int propagation,
      dnnl_memory_desc source,
      dnnl_memory_desc weights,
      @Nullable dnnl_memory_desc bias,
      dnnl_memory_desc target,
      Window window,
      dnnl_primitive_attr attr) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    Dnnl.check(
        dnnl_convolution_forward_primitive_desc_create(
            desc,
            Dnnl.ENGINE,
            propagation,
            dnnl_convolution_direct,
            source,
            weights,
            bias,
            target,
            Descs.pair(window.stride()),
            Descs.pair(window.dilation() - 1),
            Descs.pair(window.padding()),
            Descs.pair(window.padding()),
            attr),
        "planning a convolution");
    return scope.own(desc);
  }

  static dnnl_primitive_desc inputGradient(
      Scope scope,
      dnnl_memory_desc source,
      dnnl_memory_desc weights,
      dnnl_memory_desc target,
      Window window,
      dnnl_primitive_desc forward) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    Dnnl.check(
        dnnl_convolution_backward_data_primitive_desc_create(
            desc,
            Dnnl.ENGINE,
            dnnl_convolution_direct,
            source,
            weights,
            target,
            Descs.pair(window.stride()),
            Descs.pair(window.dilation() - 1),
            Descs.pair(window.padding()),
            Descs.pair(window.padding()),
            forward,
            Attributes.none(scope)),
        "planning the gradient of a convolution's input");
    return scope.own(desc);
  }

  static dnnl_primitive_desc weightGradient(
      Scope scope,
      dnnl_memory_desc source,
      dnnl_memory_desc weights,
      @Nullable dnnl_memory_desc bias,
      dnnl_memory_desc target,
      Window window,
      dnnl_primitive_desc forward) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    Dnnl.check(
        dnnl_convolution_backward_weights_primitive_desc_create(
            desc,
            Dnnl.ENGINE,
            dnnl_convolution_direct,
            source,
            weights,
            bias,
            target,
            Descs.pair(window.stride()),
            Descs.pair(window.dilation() - 1),
            Descs.pair(window.padding()),
            Descs.pair(window.padding()),
            forward,
            Attributes.none(scope)),
        "planning the gradient of a convolution's weights");
    return scope.own(desc);
  }
}
