package io.resfuse.weights.onnx;

import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.OnnxTensor;
import java.util.Arrays;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A value of a graph that does not depend on the picture. Floats are made when they are asked for;
 * integers are there already, since they are shapes and axes. Immutable; nobody writes to the
 * integers.
 */
final class Constant {
  /** Stands for the number of pictures where that is not fixed. */
  static final long BATCH = Long.MIN_VALUE + 1;

  /** Stands for a number that is not known. */
  static final long UNKNOWN = Long.MIN_VALUE;

  static final int MOST_INTEGERS = 4096;

  private final DataType type;
  private final Shape shape;
  private final Supplier<HostTensor> floats;
  private final long @Nullable [] integers;

  /**
   * A constant.
   *
   * @param type of the elements in the file
   * @param shape the dimensions
   * @param floats gives the elements as float32
   * @param integers the elements of a small tensor of integers, else null
   */
  Constant(DataType type, Shape shape, Supplier<HostTensor> floats, long @Nullable [] integers) {
    this.type = type;
    this.shape = shape;
    this.floats = floats;
    this.integers = integers;
  }

  DataType type() {
    return type;
  }

  Shape shape() {
    return shape;
  }

  Supplier<HostTensor> floats() {
    return floats;
  }

  /** The elements of a small tensor of integers, else null. */
  long @Nullable [] integers() {
    return integers;
  }

  static Constant of(OnnxTensor tensor) {
    boolean small = isInteger(tensor.type()) && tensor.shape().elements() <= MOST_INTEGERS;
    return new Constant(
        tensor.type(), tensor.shape(), tensor::load, small ? tensor.integers() : null);
  }

  static Constant integers(Shape shape, long... values) {
    return new Constant(
        DataType.INT64,
        shape,
        () -> {
          float[] elements = new float[values.length];
          for (int i = 0; i < elements.length; i++) {
            elements[i] = values[i];
          }
          return HostTensor.of(shape, elements);
        },
        values);
  }

  static Constant vector(long... values) {
    return integers(Shape.of(values.length), values);
  }

  /** A tensor whose elements all have one value. */
  static Constant filled(DataType type, Shape shape, float value) {
    return new Constant(
        type,
        shape,
        () -> {
          float[] elements = new float[(int) shape.elements()];
          Arrays.fill(elements, value);
          return HostTensor.of(shape, elements);
        },
        null);
  }

  static boolean isInteger(DataType type) {
    return switch (type) {
      case INT64, INT32, INT16, INT8, UINT8, BOOL -> true;
      default -> false;
    };
  }

  /** The same elements in the same order in another shape. */
  Constant reshaped(Shape other) {
    return new Constant(type, other, () -> HostTensor.of(other, floats.get().buffer()), integers);
  }

  /** With its dimensions in another order: dimension i is the old {@code order[i]}. */
  Constant transposed(int... order) {
    int[] dimensions = new int[order.length];
    for (int i = 0; i < order.length; i++) {
      dimensions[i] = shape.dimension(order[i]);
    }
    Shape result = Shape.of(dimensions);
    if (integers != null) {
      long[] moved = new long[integers.length];
      move(result, order, (to, from) -> moved[to] = integers[from]);
      return integers(result, moved);
    }
    return new Constant(
        type,
        result,
        () -> {
          HostTensor source = floats.get();
          float[] moved = new float[(int) result.elements()];
          move(result, order, (to, from) -> moved[to] = source.get(from));
          return HostTensor.of(result, moved);
        },
        null);
  }

  private interface Move {
    void element(int to, int from);
  }

  private void move(Shape result, int[] order, Move move) {
    int rank = order.length;
    int[] strides = new int[rank];
    int stride = 1;
    for (int axis = rank - 1; axis >= 0; axis--) {
      strides[axis] = stride;
      stride *= shape.dimension(axis);
    }
    int[] index = new int[rank];
    int from = 0;
    for (int to = 0; to < result.elements(); to++) {
      move.element(to, from);
      for (int axis = rank - 1; axis >= 0; axis--) {
        from += strides[order[axis]];
        if (++index[axis] < result.dimension(axis)) {
          break;
        }
        from -= strides[order[axis]] * result.dimension(axis);
        index[axis] = 0;
      }
    }
  }
}
