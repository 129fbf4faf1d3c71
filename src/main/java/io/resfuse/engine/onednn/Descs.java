package io.resfuse.engine.onednn;

import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.Value;
import io.resfuse.tensor.Shape;
import java.nio.FloatBuffer;
import org.bytedeco.dnnl.dnnl_memory_desc;

/** Descriptors of a network's values and weights. */
final class Descs {
  private Descs() {}

  static long[] dims(Shape shape) {
    long[] dims = new long[shape.rank()];
    for (int i = 0; i < dims.length; i++) {
      dims[i] = shape.dimension(i);
    }
    return dims;
  }

  /** A value's dims for some images. */
  static long[] dims(Shape shape, int images) {
    long[] dims = dims(shape);
    dims[0] = images;
    return dims;
  }

  /** Some images of a value as they lie in a plan: NHWC, or (images, channels). */
  static dnnl_memory_desc of(Scope scope, int type, Value value, Shape shape, int images) {
    return value.isFlat()
        ? Dnnl.matrix(scope, type, images, value.channels())
        : Dnnl.nhwc(scope, type, dims(shape, images));
  }

  /** A (rows, columns) matrix seen as its transpose, float32. */
  static dnnl_memory_desc transposed(Scope scope, long rows, long columns) {
    return Dnnl.strided(scope, Dnnl.F32, new long[] {columns, rows}, new long[] {1, columns});
  }

  /**
   * A subsampled identity is a strided 1x1 convolution whose weights are zeros and ones: exact, and
   * at home in every layout.
   */
  static Window selectionWindow(SubsampledIdentity identity) {
    return new Window(1, identity.stride(), 0, 1);
  }

  /** The shape of these weights. */
  static long[] selectionDims(SubsampledIdentity identity) {
    return new long[] {identity.output().channels(), identity.input().channels(), 1, 1};
  }

  /** Writes these weights into zeros. */
  static void putSelection(SubsampledIdentity identity, FloatBuffer target) {
    int in = identity.input().channels();
    for (int c = 0; c < in; c++) {
      target.put((identity.channelsBefore() + c) * in + c, 1f);
    }
  }

  static long[] pair(long value) {
    return new long[] {value, value};
  }

  /** A pooling window that covers the whole image. */
  static long[] whole(Shape in) {
    return new long[] {in.dimension(2), in.dimension(3)};
  }

  static long[] kernel(Window window) {
    return pair(window.kernel());
  }
}
