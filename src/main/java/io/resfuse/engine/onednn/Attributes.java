package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_post_ops;
import org.bytedeco.dnnl.dnnl_primitive_attr;

/**
 * What is fused into a primitive. Scratch memory is always the caller's, so that running allocates
 * nothing.
 */
final class Attributes {
  private Attributes() {}

  /** Attributes without post-operations. */
  static dnnl_primitive_attr none(Scope scope) {
    dnnl_primitive_attr attr = new dnnl_primitive_attr();
    Dnnl.check(dnnl_primitive_attr_create(attr), "creating attributes");
    scope.own(attr);
    Dnnl.check(
        dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user),
        "choosing scratch memory");
    return attr;
  }

  /** How a residual is added. */
  enum Residual {
    /** There is none. */
    NONE,
    /** It lies where the result goes. */
    IN_PLACE,
    /** It lies elsewhere: post-operation 0 has it as its argument. */
    SEPARATE
  }

  /** Attributes that add a residual, then apply ReLU. */
  static dnnl_primitive_attr fusing(
      Scope scope, Residual residual, dnnl_memory_desc residualDesc, boolean relu) {
    dnnl_post_ops ops = postOperations(scope);
    if (residual == Residual.IN_PLACE) {
      Dnnl.check(
          dnnl_post_ops_append_sum(ops, 1f, 0, dnnl_data_type_undef), "fusing a residual in place");
    } else if (residual == Residual.SEPARATE) {
      Dnnl.check(
          dnnl_post_ops_append_binary(ops, dnnl_binary_add, residualDesc), "fusing a residual");
    }
    if (relu) {
      Dnnl.check(dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, 0f, 0f), "fusing a ReLU");
    }
    return of(scope, ops);
  }

  /**
   * Attributes of a convolution of integers: a factor per output channel, a residual that lies
   * where the result goes, then ReLU.
   *
   * @param residual what the residual is multiplied by; 0 for none
   * @param grouped whether the weights have a dimension of groups
   * @param zeroPoint whether the source has one
   */
  static dnnl_primitive_attr ofIntegers(
      Scope scope, float residual, boolean relu, boolean grouped, boolean zeroPoint) {
    dnnl_post_ops ops = postOperations(scope);
    if (residual != 0) {
      Dnnl.check(
          dnnl_post_ops_append_sum(ops, residual, 0, dnnl_data_type_undef), "fusing a residual");
    }
    if (relu) {
      Dnnl.check(dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, 0f, 0f), "fusing a ReLU");
    }
    dnnl_primitive_attr attr = of(scope, ops);
    Dnnl.check(
        dnnl_primitive_attr_set_scales_mask(attr, DNNL_ARG_WEIGHTS, grouped ? 0b11 : 0b1),
        "asking for a scale per channel");
    if (zeroPoint) {
      setZeroPoint(attr, DNNL_ARG_SRC);
    }
    return attr;
  }

  /**
   * Attributes of a reorder that scales, and has a zero point at one of its ends.
   *
   * @param zeroPointOf {@code DNNL_ARG_FROM}, {@code DNNL_ARG_TO}, or 0 for neither
   */
  static dnnl_primitive_attr scaling(Scope scope, int zeroPointOf) {
    dnnl_primitive_attr attr = none(scope);
    Dnnl.check(dnnl_primitive_attr_set_scales_mask(attr, DNNL_ARG_FROM, 0), "asking for a scale");
    if (zeroPointOf != 0) {
      setZeroPoint(attr, zeroPointOf);
    }
    return attr;
  }

  private static void setZeroPoint(dnnl_primitive_attr attr, int index) {
    Dnnl.check(dnnl_primitive_attr_set_zero_points_mask(attr, index, 0), "asking for a zero point");
  }

  /** An empty list of post-operations. */
  static dnnl_post_ops postOperations(Scope scope) {
    dnnl_post_ops ops = new dnnl_post_ops();
    Dnnl.check(dnnl_post_ops_create(ops), "creating post-operations");
    return scope.own(ops);
  }

  /** Attributes with post-operations. */
  static dnnl_primitive_attr of(Scope scope, dnnl_post_ops ops) {
    dnnl_primitive_attr attr = none(scope);
    Dnnl.check(dnnl_primitive_attr_set_post_ops(attr, ops), "setting post-operations");
    return attr;
  }

  /** The argument index of the operand of a binary post-operation, by its number. */
  static int postOperand(int number) {
    return (DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE * (number + 1)) | DNNL_ARG_SRC_1;
  }
}
