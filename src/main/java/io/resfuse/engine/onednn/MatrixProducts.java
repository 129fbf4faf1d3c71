package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.jspecify.annotations.Nullable;

/** Plans matrix products. */
final class MatrixProducts {
  private MatrixProducts() {}

  /** target = source weights + bias, with matrices (rows, inner) (inner, columns) (1, columns). */
  static dnnl_primitive_desc of(
      Scope scope,
      dnnl_memory_desc source,
      dnnl_memory_desc weights,
      @Nullable dnnl_memory_desc bias,
      dnnl_memory_desc target) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    Dnnl.check(
        dnnl_matmul_primitive_desc_create(
            desc, Dnnl.ENGINE, source, weights, bias, target, Attributes.none(scope)),
        "planning a matrix product");
    return scope.own(desc);
  }
}
