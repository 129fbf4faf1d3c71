package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.Operation.AveragePool;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.tensor.Shape;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/** Plans poolings and their gradients. */
final class Poolings {
  private Poolings() {}

  /** What a pooling takes together. */
  static final class Pooling {
    /** Maximum or mean. */
    final int algorithm;

    /** Steps of rows and columns. */
    final long[] strides;

    /** Rows and columns. */
    final long[] kernel;

    /** Rows and columns of padding before the image. */
    final long[] before;

    /** And behind it. */
    final long[] after;

    private Pooling(int algorithm, long[] strides, long[] kernel, long[] before, long[] after) {
      this.algorithm = algorithm;
      this.strides = strides;
      this.kernel = kernel;
      this.before = before;
      this.after = after;
    }

    static Pooling of(MaxPool pool) {
      long[] padding = Descs.pair(pool.window().padding());
      return new Pooling(
          dnnl_pooling_max,
          Descs.pair(pool.window().stride()),
          Descs.kernel(pool.window()),
          padding,
          padding);
    }

    /** Padding fills the last squares; it does not count. */
    static Pooling of(AveragePool pool, Shape in) {
      long[] size = Descs.pair(pool.size());
      long[] missing = {
        Math.floorMod(-in.dimension(2), pool.size()), Math.floorMod(-in.dimension(3), pool.size())
      };
      return new Pooling(dnnl_pooling_avg_exclude_padding, size, size, Descs.pair(0), missing);
    }

    static Pooling ofAll(Shape in) {
      long[] whole = Descs.whole(in);
      return new Pooling(
          dnnl_pooling_avg_exclude_padding, whole, whole, Descs.pair(0), Descs.pair(0));
    }
  }

  static dnnl_primitive_desc forward(
      Scope scope,
      int propagation,
      Pooling pooling,
      dnnl_memory_desc source,
      dnnl_memory_desc target) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    Dnnl.check(
        dnnl_pooling_forward_primitive_desc_create(
            desc,
            Dnnl.ENGINE,
            propagation,
            pooling.algorithm,
            source,
            target,
            pooling.strides,
            pooling.kernel,
            Descs.pair(0),
            pooling.before,
            pooling.after,
            Attributes.none(scope)),
        "planning a pooling");
    return scope.own(desc);
  }

  static dnnl_primitive_desc backward(
      Scope scope,
      Pooling pooling,
      dnnl_memory_desc source,
      dnnl_memory_desc target,
      dnnl_primitive_desc forward) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    Dnnl.check(
        dnnl_pooling_backward_primitive_desc_create(
            desc,
            Dnnl.ENGINE,
            pooling.algorithm,
            source,
            target,
            pooling.strides,
            pooling.kernel,
            Descs.pair(0),
            pooling.before,
            pooling.after,
            forward,
            Attributes.none(scope)),
        "planning the gradient of a pooling");
    return scope.own(desc);
  }
}
