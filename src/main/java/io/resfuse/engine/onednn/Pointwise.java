package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_post_ops;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/** Plans what is done to each element by itself: sums, ReLU, changes of layout and type. */
final class Pointwise {
  private Pointwise() {}

  /** The sum of two tensors, then ReLU if wanted. */
  static dnnl_primitive_desc add(
      Scope scope, dnnl_memory_desc a, dnnl_memory_desc b, dnnl_memory_desc target, boolean relu) {
    dnnl_primitive_attr attr = Attributes.fusing(scope, Attributes.Residual.NONE, target, relu);
    return binary(scope, dnnl_binary_add, a, b, target, attr);
  }

  private static dnnl_primitive_desc binary(
      Scope scope,
      int algorithm,
      dnnl_memory_desc a,
      dnnl_memory_desc b,
      dnnl_memory_desc target,
      dnnl_primitive_attr attr) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    Dnnl.check(
        dnnl_binary_primitive_desc_create(desc, Dnnl.ENGINE, algorithm, a, b, target, attr),
        "planning an addition");
    return scope.own(desc);
  }

  /**
   * (source - mean) * slope + shift + target, in place of the target; all but source and target are
   * rows of a value per channel.
   */
  static dnnl_primitive_desc centredAffineSum(
      Scope scope, dnnl_memory_desc tensor, dnnl_memory_desc row) {
    dnnl_post_ops ops = Attributes.postOperations(scope);
    Dnnl.check(dnnl_post_ops_append_binary(ops, dnnl_binary_mul, row), "fusing a product");
    Dnnl.check(dnnl_post_ops_append_binary(ops, dnnl_binary_add, row), "fusing a sum");
    Dnnl.check(dnnl_post_ops_append_binary(ops, dnnl_binary_add, tensor), "fusing a sum");
    return binary(scope, dnnl_binary_sub, tensor, row, tensor, Attributes.of(scope, ops));
  }

  static dnnl_primitive_desc relu(Scope scope, int propagation, dnnl_memory_desc desc) {
    dnnl_primitive_desc relu = new dnnl_primitive_desc();
    Dnnl.check(
        dnnl_eltwise_forward_primitive_desc_create(
            relu,
            Dnnl.ENGINE,
            propagation,
            dnnl_eltwise_relu_use_dst_for_bwd,
            desc,
            desc,
            0f,
            0f,
            Attributes.none(scope)),
        "planning a ReLU");
    return scope.own(relu);
  }

  /** ReLU's gradient from its result. */
  static dnnl_primitive_desc reluBackward(
      Scope scope, dnnl_memory_desc desc, dnnl_primitive_desc forward) {
    dnnl_primitive_desc relu = new dnnl_primitive_desc();
    Dnnl.check(
        dnnl_eltwise_backward_primitive_desc_create(
            relu,
            Dnnl.ENGINE,
            dnnl_eltwise_relu_use_dst_for_bwd,
            desc,
            desc,
            desc,
            0f,
            0f,
            forward,
            Attributes.none(scope)),
        "planning the gradient of a ReLU");
    return scope.own(relu);
  }

  /** A copy into another type or layout. */
  static dnnl_primitive_desc reorder(Scope scope, dnnl_memory_desc from, dnnl_memory_desc to) {
    return reorder(scope, from, to, Attributes.none(scope));
  }

  /** The same, scaled. */
  static dnnl_primitive_desc reorder(
      Scope scope, dnnl_memory_desc from, dnnl_memory_desc to, dnnl_primitive_attr attr) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    Dnnl.check(
        dnnl_reorder_primitive_desc_create(desc, from, Dnnl.ENGINE, to, Dnnl.ENGINE, attr),
        "planning a change of layout");
    return scope.own(desc);
  }
}
