package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/** Plans batch norms and their gradients. */
final class BatchNorms {
  private BatchNorms() {}

  static dnnl_primitive_desc forward(
      Scope scope,
      int propagation,
      dnnl_memory_desc source,
      dnnl_memory_desc target,
      double epsilon,
      int flags) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    Dnnl.check(
        dnnl_batch_normalization_forward_primitive_desc_create(
            desc,
            Dnnl.ENGINE,
            propagation,
            source,
            target,
            (float) epsilon,
            flags,
            Attributes.none(scope)),
        "planning a batch norm");
    return scope.own(desc);
  }

  static dnnl_primitive_desc backward(
      Scope scope,
      dnnl_memory_desc gradient,
      dnnl_memory_desc source,
      double epsilon,
      int flags,
      dnnl_primitive_desc forward) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    Dnnl.check(
        dnnl_batch_normalization_backward_primitive_desc_create(
            desc,
            Dnnl.ENGINE,
            dnnl_backward,
            gradient,
            gradient,
            source,
            (float) epsilon,
            flags,
            forward,
            Attributes.none(scope)),
        "planning the gradient of a batch norm");
    return scope.own(desc);
  }
}
