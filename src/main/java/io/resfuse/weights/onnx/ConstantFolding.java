package io.resfuse.weights.onnx;

import io.resfuse.tensor.DataType;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.OnnxNode;
import io.resfuse.weights.format.OnnxTensor;
import io.resfuse.weights.format.WeightsException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Computes the nodes of a graph that do not depend on the picture: weights that are generated or
 * moved, and the small tensors of integers in which exporters have shapes, axes and pads.
 */
final class ConstantFolding {
  /** Of floats that are generated rather than stored: 512 MiB, more than any ResNet's. */
  private static final long MOST_GENERATED = 1L << 27;

  /** Element types that floats may be cast to: float, float16, double, bfloat16. */
  private static final List<Long> FLOATS = List.of(1L, 10L, 11L, 16L);

  private final Path path;
  private long generated;

  ConstantFolding(Path path) {
    this.path = path;
  }

  /** What a node gives for constant inputs, or null if that is not known here. */
  @Nullable Constant fold(OnnxNode node, List<Constant> inputs) {
    if (!node.domain().isEmpty() || node.outputs().size() != 1) {
      return null;
    }
    if (node.op().equals("Constant")) {
      return constant(node);
    }
    if (inputs.isEmpty()) {
      return null;
    }
    Constant first = inputs.get(0);
    Constant second = inputs.size() > 1 ? inputs.get(1) : null;
    long[] integers = second == null ? null : second.integers();
    return switch (node.op()) {
      case "Identity" -> first;
      case "Cast" -> cast(node, first);
      case "Transpose" -> transpose(node, first);
      case "Reshape" -> reshape(first, node.integers("shape", integers == null ? NONE : integers));
      case "Squeeze" -> squeeze(first, axes(node, integers));
      case "Unsqueeze" -> unsqueeze(first, axes(node, integers));
      case "ConstantOfShape" -> constantOfShape(node, first);
      case "Shape" -> shape(node, Arrays.stream(first.shape().toArray()).asLongStream().toArray());
      case "Concat" -> concat(node, inputs);
      case "Gather" -> gather(first, second, node.integer("axis", 0));
      case "Slice" -> slice(node, inputs);
      case "Add", "Sub", "Mul", "Div" -> arithmetic(node.op(), first, second);
      default -> null;
    };
  }

  private static final long[] NONE = {};

  private static @Nullable Constant constant(OnnxNode node) {
    Object value = node.attributes().values().stream().findFirst().orElse(OnnxNode.OTHER);
    if (value instanceof OnnxTensor tensor) {
      return Constant.of(tensor);
    }
    if (value instanceof Long number) {
      return Constant.integers(Shape.of(), number);
    }
    if (value instanceof long[] numbers) {
      return Constant.vector(numbers);
    }
    if (value instanceof Float number) {
      return Constant.filled(DataType.FLOAT32, Shape.of(), number);
    }
    return null;
  }

  private static @Nullable Constant cast(OnnxNode node, Constant value) {
    boolean toFloat = FLOATS.contains(node.integer("to", 0));
    boolean isFloat = !Constant.isInteger(value.type());
    boolean toInteger = node.integer("to", 0) == 7 || node.integer("to", 0) == 6;
    return isFloat ? (toFloat ? value : null) : (toInteger ? value : null);
  }

  private static @Nullable Constant transpose(OnnxNode node, Constant value) {
    int rank = value.shape().rank();
    long[] reversed = new long[rank];
    Arrays.setAll(reversed, i -> rank - 1 - i);
    int[] order = permutation(node.integers("perm", reversed));
    return order == null || order.length != rank ? null : value.transposed(order);
  }

  /** As an array of ints, or null if it is not a permutation. */
  static int @Nullable [] permutation(long... order) {
    int[] result = new int[order.length];
    boolean[] seen = new boolean[order.length];
    for (int i = 0; i < order.length; i++) {
      if (order[i] < 0 || order[i] >= order.length || seen[(int) order[i]]) {
        return null;
      }
      result[i] = (int) order[i];
      seen[result[i]] = true;
    }
    return result;
  }

  private static @Nullable Constant reshape(Constant value, long... target) {
    long[] sizes = target.clone();
    int free = -1;
    long rest = value.shape().elements();
    for (int i = 0; i < sizes.length; i++) {
      if (sizes[i] == 0 && i < value.shape().rank()) {
        sizes[i] = value.shape().dimension(i);
      }
      if (sizes[i] == -1) {
        free = i;
      } else if (sizes[i] <= 0 || rest % sizes[i] != 0) {
        return null;
      } else {
        rest /= sizes[i];
      }
    }
    if (free >= 0) {
      sizes[free] = rest;
    } else if (rest != 1) {
      return null;
    }
    return withShape(value, sizes);
  }

  private static @Nullable Constant withShape(Constant value, long... sizes) {
    Shape shape = shapeOf(sizes);
    return shape == null || shape.elements() != value.shape().elements()
        ? null
        : value.reshaped(shape);
  }

  private static @Nullable Shape shapeOf(long... sizes) {
    long elements = 1;
    int[] dimensions = new int[sizes.length];
    for (int i = 0; i < sizes.length; i++) {
      if (sizes[i] < 0 || sizes[i] > MOST_GENERATED || sizes.length > 8) {
        return null;
      }
      elements *= Math.max(1, sizes[i]);
      if (elements > MOST_GENERATED) {
        return null;
      }
      dimensions[i] = (int) sizes[i];
    }
    return Shape.of(dimensions);
  }

  private static long @Nullable [] axes(OnnxNode node, long @Nullable [] input) {
    return input != null ? input : node.attribute("axes", long[].class);
  }

  private static @Nullable Constant squeeze(Constant value, long @Nullable [] axes) {
    int rank = value.shape().rank();
    boolean[] leave = new boolean[rank];
    for (int i = 0; i < rank; i++) {
      leave[i] = axes == null && value.shape().dimension(i) == 1;
    }
    for (long axis : axes == null ? NONE : axes) {
      long at = axis < 0 ? axis + rank : axis;
      if (at < 0 || at >= rank || value.shape().dimension((int) at) != 1) {
        return null;
      }
      leave[(int) at] = true;
    }
    List<Long> sizes = new ArrayList<>();
    for (int i = 0; i < rank; i++) {
      if (!leave[i]) {
        sizes.add((long) value.shape().dimension(i));
      }
    }
    return withShape(value, sizes.stream().mapToLong(Long::longValue).toArray());
  }

  private static @Nullable Constant unsqueeze(Constant value, long @Nullable [] axes) {
    if (axes == null || axes.length > 8) {
      return null;
    }
    int rank = value.shape().rank() + axes.length;
    long[] sizes = new long[rank];
    for (long axis : axes) {
      long at = axis < 0 ? axis + rank : axis;
      if (at < 0 || at >= rank || sizes[(int) at] == 1) {
        return null;
      }
      sizes[(int) at] = 1;
    }
    int from = 0;
    for (int i = 0; i < rank; i++) {
      if (sizes[i] == 0) {
        sizes[i] = value.shape().dimension(from++);
      }
    }
    return withShape(value, sizes);
  }

  private @Nullable Constant constantOfShape(OnnxNode node, Constant sizes) {
    Shape shape = sizes.integers() == null ? null : shapeOf(sizes.integers());
    if (shape == null) {
      return null;
    }
    OnnxTensor value = node.attribute("value", OnnxTensor.class);
    if (value != null && value.shape().elements() != 1) {
      return null;
    }
    if (value != null && Constant.isInteger(value.type())) {
      if (shape.elements() > Constant.MOST_INTEGERS) {
        return null;
      }
      long[] integers = new long[(int) shape.elements()];
      Arrays.fill(integers, value.integers()[0]);
      return Constant.integers(shape, integers);
    }
    generated += shape.elements();
    if (generated > MOST_GENERATED) {
      throw WeightsException.of(
          path,
          node + " is one of those that generate more than 512 MiB of weights",
          "store the weights in the file");
    }
    return Constant.filled(
        value == null ? DataType.FLOAT32 : value.type(),
        shape,
        value == null ? 0 : value.load().get(0));
  }

  /** From opset 15 on a part of the shape may be asked for. */
  private static Constant shape(OnnxNode node, long... sizes) {
    int rank = sizes.length;
    long start = node.integer("start", 0);
    long end = node.integer("end", rank);
    int from = (int) Math.max(0, Math.min(rank, start < 0 ? start + rank : start));
    int to = (int) Math.max(from, Math.min(rank, end < 0 ? end + rank : end));
    return Constant.vector(Arrays.copyOfRange(sizes, from, to));
  }

  private static @Nullable Constant concat(OnnxNode node, List<Constant> parts) {
    long count = 0;
    for (Constant part : parts) {
      if (part.integers() == null || part.shape().rank() != 1) {
        return null;
      }
      count += part.integers().length;
    }
    long axis = node.integer("axis", 0);
    if (count > Constant.MOST_INTEGERS || (axis != 0 && axis != -1)) {
      return null;
    }
    return Constant.vector(
        parts.stream().flatMapToLong(p -> Arrays.stream(p.integers())).toArray());
  }

  private static @Nullable Constant gather(Constant value, @Nullable Constant indices, long axis) {
    if (value.integers() == null
        || indices == null
        || indices.integers() == null
        || value.shape().rank() != 1
        || (axis != 0 && axis != -1)) {
      return null;
    }
    int size = value.integers().length;
    long[] picked = new long[indices.integers().length];
    for (int i = 0; i < picked.length; i++) {
      long at = indices.integers()[i];
      at = at < 0 ? at + size : at;
      if (at < 0 || at >= size) {
        return null;
      }
      picked[i] = value.integers()[(int) at];
    }
    return Constant.integers(indices.shape(), picked);
  }

  /** The slice of a node, with one entry per axis that it names. */
  static final class Slice {
    private final long[] starts;
    private final long[] ends;
    private final long[] axes;
    private final long[] steps;

    private Slice(long[] starts, long[] ends, long[] axes, long[] steps) {
      this.starts = starts;
      this.ends = ends;
      this.axes = axes;
      this.steps = steps;
    }

    long[] starts() {
      return starts;
    }

    long[] ends() {
      return ends;
    }

    long[] axes() {
      return axes;
    }

    long[] steps() {
      return steps;
    }

    /** Of attributes (before opset 10) or of inputs after the data; null if it is not constant. */
    static @Nullable Slice of(OnnxNode node, List<@Nullable Constant> inputs) {
      long[] starts = Layers.integers(node, "starts", inputs, 0);
      long[] ends = Layers.integers(node, "ends", inputs, 1);
      if (starts == null || ends == null || starts.length != ends.length) {
        return null;
      }
      long[] all = new long[starts.length];
      Arrays.setAll(all, i -> i);
      long[] ones = new long[starts.length];
      Arrays.fill(ones, 1);
      long[] axes = Layers.integers(node, "axes", inputs, 2);
      long[] steps = Layers.integers(node, "steps", inputs, 3);
      axes = axes == null ? all : axes;
      steps = steps == null ? ones : steps;
      return axes.length == starts.length && steps.length == starts.length
          ? new Slice(starts, ends, axes, steps)
          : null;
    }
  }

  /** Of integers, along one axis of one or two. */
  private static @Nullable Constant slice(OnnxNode node, List<Constant> inputs) {
    Constant value = inputs.get(0);
    Slice slice = Slice.of(node, new ArrayList<>(inputs.subList(1, inputs.size())));
    int rank = value.shape().rank();
    if (slice == null || value.integers() == null || slice.axes.length != 1 || rank > 2) {
      return null;
    }
    long axis = slice.axes[0] < 0 ? slice.axes[0] + rank : slice.axes[0];
    long step = slice.steps[0];
    if (axis < 0 || axis >= rank || step == 0) {
      return null;
    }
    int size = value.shape().dimension((int) axis);
    if (size == 0) {
      return null;
    }
    long from = bound(slice.starts[0], size, step < 0 ? size - 1 : size, 0);
    long to = bound(slice.ends[0], size, size, step < 0 ? -1 : 0);
    List<Integer> kept = new ArrayList<>();
    for (long i = from; step > 0 ? i < to : i > to; i += step) {
      kept.add((int) i);
      if (step > size || step < -size) {
        break;
      }
    }
    int rows = axis == 0 ? kept.size() : rank == 2 ? value.shape().dimension(0) : kept.size();
    int columns = rank == 1 ? 1 : axis == 1 ? kept.size() : value.shape().dimension(1);
    int width = rank == 1 ? 1 : value.shape().dimension(1);
    long[] result = new long[rows * columns];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        int row = axis == 0 ? kept.get(r) : r;
        int column = axis == 1 ? kept.get(c) : c;
        result[r * columns + c] = value.integers()[row * width + column];
      }
    }
    return Constant.integers(rank == 1 ? Shape.of(rows) : Shape.of(rows, columns), result);
  }

  private static long bound(long index, int size, long most, long least) {
    long at = index < 0 && index >= -size ? index + size : index;
    return Math.max(least, Math.min(most, at));
  }

  private static @Nullable Constant arithmetic(String op, Constant left, @Nullable Constant right) {
    if (right == null || left.integers() == null || right.integers() == null) {
      return null;
    }
    long[] a = left.integers();
    long[] b = right.integers();
    if (a.length != b.length && a.length != 1 && b.length != 1) {
      return null;
    }
    long[] result = new long[a.length == 1 ? b.length : a.length];
    for (int i = 0; i < result.length; i++) {
      long x = a[a.length == 1 ? 0 : i];
      long y = b[b.length == 1 ? 0 : i];
      boolean known = x > Constant.BATCH && y > Constant.BATCH;
      result[i] =
          !known
              ? Constant.UNKNOWN
              : switch (op) {
                case "Add" -> x + y;
                case "Sub" -> x - y;
                case "Mul" -> x * y;
                default -> y == 0 || x < 0 || y < 0 ? Constant.UNKNOWN : x / y;
              };
    }
    Shape shape =
        a.length == result.length && left.shape().rank() >= right.shape().rank()
            ? left.shape()
            : right.shape();
    return shape.elements() == result.length
        ? Constant.integers(shape, result)
        : Constant.vector(result);
  }

  /** The shape of a value that depends on the pictures: only their number may be known. */
  static Constant shapeOfPictures(OnnxNode node, long batch) {
    long pictures = batch < 0 ? Constant.BATCH : batch;
    return shape(node, pictures, Constant.UNKNOWN, Constant.UNKNOWN, Constant.UNKNOWN);
  }

  /** Whether a cast changes nothing but the precision of floats. */
  static boolean isFloatCast(OnnxNode node) {
    return FLOATS.contains(node.integer("to", 0));
  }

  /** Inputs of a node as constants, null where they are not. */
  static List<@Nullable Constant> constants(List<String> inputs, Map<String, Constant> constants) {
    List<@Nullable Constant> result = new ArrayList<>();
    inputs.forEach(name -> result.add(constants.get(name)));
    return result;
  }
}
