package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/** Plans poolings and their gradients. */
final class Poolings {
  private Poolings() {}

  static dnnl_primitive_desc forward(
      Scope scope,
      int propagation,
      int algorithm,
      dnnl_memory_desc source,
      dnnl_memory_desc target,
      long[] strides,
      long[] kernel,
      long padding) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    Dnnl.check(
        dnnl_pooling_forward_primitive_desc_create(
            desc,
            Dnnl.ENGINE,
            propagation,
            algorithm,
            source,
            target,
            strides,
            kernel,
            Descs.pair(0),
            Descs.pair(padding),
            Descs.pair(padding),
            Attributes.none(scope)),
        "planning a pooling");
    return scope.own(desc);
  }

  static dnnl_primitive_desc backward(
      Scope scope,
      int algorithm,
      dnnl_memory_desc source,
      dnnl_memory_desc target,
      long[] strides,
      long[] kernel,
      long padding,
      dnnl_primitive_desc forward) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    Dnnl.check(
        dnnl_pooling_backward_primitive_desc_create(
            desc,
            Dnnl.ENGINE,
            algorithm,
            source,
            target,
            strides,
            kernel,
            Descs.pair(0),
            Descs.pair(padding),
            Descs.pair(padding),
            forward,
            Attributes.none(scope)),
        "planning the gradient of a pooling");
    return scope.own(desc);
  }
}
