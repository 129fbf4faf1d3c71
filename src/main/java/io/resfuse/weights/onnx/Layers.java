package io.resfuse.weights.onnx;

import io.resfuse.engine.Operation.Window;
import io.resfuse.weights.format.OnnxNode;
import io.resfuse.weights.onnx.MatchedNetwork.Conv;
import io.resfuse.weights.onnx.MatchedNetwork.Norm;
import java.math.BigDecimal;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Matches single layers, however exporters spell them. */
final class Layers {
  private static final int LARGEST_KERNEL = 100;
  private static final long LARGEST_PAD = 1000;

  private final Graph graph;
  private final List<String> notes;

  Layers(Graph graph, List<String> notes) {
    this.graph = graph;
    this.notes = notes;
  }

  /** A convolution, and the value after its bias and batch norm. */
  record After(Conv conv, Feature value) {}

  /** Goes past Transpose and Pad where they are the only nodes that take a value. */
  Feature skip(Feature value) {
    Feature at = value;
    while (graph.consumers(at.value()).size() == 1
        && graph.only(at.value()).is("Transpose", "Pad")) {
      at = moved(at, graph.only(at.value()));
    }
    return at;
  }

  /** Whether one of the nodes that take a value, behind Pad and Transpose, is of a kind. */
  boolean isFollowed(Feature value, String op) {
    for (OnnxNode first : graph.consumers(value.value())) {
      OnnxNode node = first;
      while (node.is("Pad", "Transpose") && graph.consumers(node.outputs().get(0)).size() == 1) {
        node = graph.consumers(node.outputs().get(0)).get(0);
      }
      if (node.is(op)) {
        return true;
      }
    }
    return false;
  }

  /** A value behind a Transpose or Pad. */
  Feature moved(Feature value, OnnxNode node) {
    String name = node.outputs().get(0);
    if (node.is("Transpose")) {
      return value.transposed(name, permutation(node));
    }
    long[] pads = pads(value, node);
    if (pads[0] != 0 || pads[1] != 0 || pads[4] != 0 || pads[5] != 0) {
      throw graph.refuse(node, "pads pictures or channels");
    }
    return value.padded(name, new long[] {pads[2], pads[3], pads[6], pads[7]});
  }

  int[] permutation(OnnxNode node) {
    int[] order = ConstantFolding.permutation(node.integers("perm", 3, 2, 1, 0));
    if (order == null || order.length != 4) {
      throw graph.refuse(node, "has no order of four axes");
    }
    return order;
  }

  /** The zeros of a Pad: before pictures, channels, rows and columns, and after them. */
  long[] pads(Feature value, OnnxNode node) {
    List<@Nullable Constant> inputs = graph.parameters(node);
    long[] given = integers(node, "pads", inputs, 0);
    Constant axesInput = inputs.size() > 2 ? inputs.get(2) : null;
    long[] axes = axesInput == null ? new long[] {0, 1, 2, 3} : axesInput.integers();
    String mode = node.attribute("mode", String.class);
    boolean zeros =
        (mode == null || mode.equals("constant"))
            && node.number("value", 0) == 0
            && (node.input(2).isEmpty() || isZero(inputs.get(1)));
    if (given == null || axes == null || given.length != 2 * axes.length || !zeros) {
      throw graph.refuse(node, "does not pad with a constant number of zeros");
    }
    long[] pads = new long[8];
    for (int i = 0; i < axes.length; i++) {
      long axis = axes[i] < 0 ? axes[i] + 4 : axes[i];
      long before = given[i];
      long after = given[i + axes.length];
      if (axis < 0 || axis > 3 || before < 0 || after < 0 || before + after > LARGEST_PAD) {
        throw graph.refuse(node, "has pads " + Arrays.toString(given));
      }
      pads[value.axes()[(int) axis]] += before;
      pads[4 + value.axes()[(int) axis]] += after;
    }
    return pads;
  }

  private static boolean isZero(@Nullable Constant constant) {
    return constant != null
        && constant.shape().elements() == 1
        && constant.floats().get().get(0) == 0;
  }

  /** What is an attribute in old opsets and an input in new ones; null if neither is constant. */
  static long @Nullable [] integers(
      OnnxNode node, String attribute, List<@Nullable Constant> inputs, int index) {
    Constant input = index < inputs.size() ? inputs.get(index) : null;
    return input != null ? input.integers() : node.attribute(attribute, long[].class);
  }

  /** Whether a node gives the mean over rows and columns, with or without these as axes. */
  boolean isMeanOfPixels(Feature in, OnnxNode node) {
    if (in.isPadded()) {
      return false;
    }
    if (node.is("GlobalAveragePool")) {
      return in.isNchw();
    }
    if (!node.is("ReduceMean")) {
      return false;
    }
    long[] axes = integers(node, "axes", graph.parameters(node), 0);
    boolean[] reduced = new boolean[4];
    for (long axis : axes == null ? new long[0] : axes) {
      long at = axis < 0 ? axis + 4 : axis;
      if (at >= 0 && at < 4) {
        reduced[in.axes()[(int) at]] = true;
      }
    }
    return !reduced[0] && !reduced[1] && reduced[2] && reduced[3];
  }

  /** The ReLU after a value. */
  Feature relu(Feature value, String after) {
    OnnxNode node = graph.only(value.value());
    if (!node.is("Relu")) {
      throw graph.refuse(node, "is where a Relu is wanted, after " + after);
    }
    return value.named(node.outputs().get(0));
  }

  /** A convolution with what belongs to it: a bias that is added, a batch norm. */
  After conv(Feature in, OnnxNode node) {
    if (!node.is("Conv")) {
      throw graph.refuse(node, "is where a convolution is wanted");
    }
    List<@Nullable Constant> inputs = graph.parameters(node);
    Constant weight = inputs.isEmpty() ? null : inputs.get(0);
    if (!node.input(0).equals(in.value())
        || weight == null
        || Constant.isInteger(weight.type())
        || weight.shape().rank() != 4
        || weight.shape().elements() == 0) {
      throw graph.refuse(node, "has no constant weights of four dimensions");
    }
    int kernel = weight.shape().dimension(2);
    if (kernel != weight.shape().dimension(3)
        || !in.isNchw()
        || !Arrays.equals(node.integers("kernel_shape", kernel, kernel), square(kernel))) {
      throw graph.refuse(
          node, "has weights " + weight.shape() + ", whose last two are no square kernel");
    }
    Window window = window(in, node, kernel);
    int channels = weight.shape().dimension(0);
    long groups = node.integer("group", 1);
    if (groups < 1 || groups > channels || channels % groups != 0) {
      throw graph.refuse(node, "has " + groups + " groups of " + channels + " channels");
    }
    Constant bias = null;
    if (!node.input(2).isEmpty()) {
      bias = inputs.get(1);
      if (!GraphMatcher.isVector(bias, channels)) {
        throw graph.refuse(node, "has a bias that is no constant for each channel");
      }
    }
    Feature value = after(in, node, window);
    Constant added = bias == null ? addedBias(value, channels) : null;
    if (added != null) {
      bias = added;
      value = value.named(graph.only(value.value()).outputs().get(0));
    }
    Norm norm = null;
    List<OnnxNode> next = graph.consumers(value.value());
    if (next.size() == 1 && next.get(0).is("BatchNormalization")) {
      norm = norm(value, next.get(0), channels);
      value = value.named(next.get(0).outputs().get(0));
    }
    return new After(new Conv(node, weight, bias, norm, window, (int) groups), value);
  }

  /** A constant for each channel that is added after a convolution, or null. */
  private @Nullable Constant addedBias(Feature value, int channels) {
    List<OnnxNode> next = graph.consumers(value.value());
    if (next.size() != 1 || !next.get(0).is("Add") || graph.isAdd(next.get(0))) {
      return null;
    }
    OnnxNode add = next.get(0);
    Constant left = graph.constant(add.input(0));
    Constant bias = left == null ? graph.constant(add.input(1)) : left;
    int rank = bias == null ? 0 : bias.shape().rank();
    if (bias == null
        || Constant.isInteger(bias.type())
        || rank < 3
        || bias.shape().elements() != channels
        || bias.shape().dimension(rank - 3) != channels) {
      throw graph.refuse(add, "adds something else than a constant for each channel");
    }
    return bias.reshaped(io.resfuse.tensor.Shape.of(channels));
  }

  private Norm norm(Feature value, OnnxNode node, int channels) {
    List<@Nullable Constant> inputs = graph.parameters(node);
    boolean fits =
        inputs.size() == 4
            && inputs.stream().allMatch(constant -> GraphMatcher.isVector(constant, channels))
            && node.input(0).equals(value.value())
            && node.integer("spatial", 1) == 1
            && node.integer("training_mode", 0) == 0;
    Constant gamma = fits ? inputs.get(0) : null;
    Constant beta = fits ? inputs.get(1) : null;
    Constant mean = fits ? inputs.get(2) : null;
    Constant variance = fits ? inputs.get(3) : null;
    if (gamma == null || beta == null || mean == null || variance == null) {
      throw graph.refuse(
          node, "is not in inference with constant scale, shift, mean and variance per channel");
    }
    double epsilon = decimal(node.number("epsilon", 1e-5f));
    double momentum = decimal(node.number("momentum", 0.9f));
    if (!(epsilon >= 0 && epsilon < 1)) {
      throw graph.refuse(node, "has the epsilon " + epsilon);
    }
    if (!(momentum >= 0 && momentum <= 1)) {
      momentum = 0.9;
    }
    double share = BigDecimal.ONE.subtract(BigDecimal.valueOf(momentum)).doubleValue();
    return new Norm(node, gamma, beta, mean, variance, epsilon, share);
  }

  /** The number that somebody has written who meant this float: 1e-5 for 9.99999975e-6. */
  private static double decimal(float value) {
    return Double.parseDouble(Float.toString(value));
  }

  private static long[] square(long size) {
    return new long[] {size, size};
  }

  /** The geometry of a convolution or pooling, whose padding may be written in several ways. */
  Window window(Feature in, OnnxNode node, int kernel) {
    long[] strides = node.integers("strides", 1, 1);
    long[] dilations = node.integers("dilations", 1, 1);
    boolean fits =
        kernel >= 1
            && kernel <= LARGEST_KERNEL
            && Arrays.equals(node.integers("kernel_shape", kernel, kernel), square(kernel))
            && strides.length == 2
            && strides[0] == strides[1]
            && strides[0] >= 1
            && strides[0] <= LARGEST_KERNEL
            && dilations.length == 2
            && dilations[0] == dilations[1]
            && dilations[0] >= 1
            && dilations[0] <= LARGEST_KERNEL
            && in.isNchw();
    if (!fits) {
      throw graph.refuse(node, "has no square kernel, strides and dilations");
    }
    int stride = (int) strides[0];
    int dilation = (int) dilations[0];
    long[] pads = allPads(in, node, kernel, stride, dilation);
    long padding = pads[0];
    if (padding != pads[1] || padding > LARGEST_PAD) {
      throw graph.refuse(node, "has other pads above than on the left");
    }
    boolean ceil = node.integer("ceil_mode", 0) != 0;
    long[] sizes = {in.height(), in.width()};
    for (int axis = 0; axis < 2; axis++) {
      long end = pads[2 + axis];
      if (end != padding || ceil) {
        long extra = ceil ? stride - 1 : 0;
        long ours = Feature.size(sizes[axis], kernel, stride, dilation, 2 * padding);
        long theirs = Feature.size(sizes[axis], kernel, stride, dilation, padding + end + extra);
        if (sizes[axis] < 0 || ours != theirs) {
          throw graph.refuse(
              node,
              "has pads "
                  + Arrays.toString(pads)
                  + (ceil ? " and rounds sizes up" : "")
                  + "; here they are the same on all sides, and sizes are rounded down");
        }
        note("the padding of " + node + " is the same as ours at the size that the file states");
      }
    }
    return new Window(kernel, stride, (int) padding, dilation);
  }

  private void note(String note) {
    if (!notes.contains(note)) {
      notes.add(note);
    }
  }

  /** Above, left, below, right: what a Pad before has added, and the node's own. */
  private long[] allPads(Feature in, OnnxNode node, int kernel, int stride, int dilation) {
    String auto = node.attribute("auto_pad", String.class);
    long[] own = node.integers("pads", 0, 0, 0, 0);
    if (auto != null && auto.startsWith("SAME")) {
      own = same(in, kernel, stride, dilation, auto.equals("SAME_LOWER"));
    } else if (auto != null && auto.equals("VALID")) {
      own = new long[4];
    }
    if (own == null
        || own.length != 4
        || Arrays.stream(own).anyMatch(pad -> pad < 0 || pad > LARGEST_PAD)) {
      throw graph.refuse(node, "has pads " + Arrays.toString(own) + " (auto_pad " + auto + ")");
    }
    long[] all = new long[4];
    for (int i = 0; i < 4; i++) {
      all[i] = in.pads()[i] + own[i];
    }
    return all;
  }

  /** As many as keep ceil(size / stride); null if that depends on a size that is not known. */
  private static long @Nullable [] same(
      Feature in, int kernel, int stride, int dilation, boolean lower) {
    long[] pads = new long[4];
    long span = (long) dilation * (kernel - 1) + 1;
    for (int axis = 0; axis < 2; axis++) {
      long size = axis == 0 ? in.height() : in.width();
      long inner = in.pads()[axis] + in.pads()[2 + axis];
      if (size < 0 && stride > 1 && kernel > 1) {
        return null;
      }
      long padded = size < 0 ? 0 : size + inner;
      long total =
          stride == 1
              ? span - 1
              : size < 0
                  ? 0
                  : Math.max(0, (padded + stride - 1) / stride * stride - stride + span - padded);
      pads[axis] = lower ? total - total / 2 : total / 2;
      pads[2 + axis] = total - pads[axis];
    }
    return pads;
  }

  /** The value that a convolution or pooling gives. */
  Feature after(Feature in, OnnxNode node, Window window) {
    long padding = 2L * window.padding();
    long height =
        Feature.size(in.height(), window.kernel(), window.stride(), window.dilation(), padding);
    long width =
        Feature.size(in.width(), window.kernel(), window.stride(), window.dilation(), padding);
    if ((in.height() >= 0 && height < 1) || (in.width() >= 0 && width < 1)) {
      throw graph.refuse(node, "leaves nothing of " + in.height() + "x" + in.width() + " pixels");
    }
    return in.sized(node.outputs().get(0), height, width);
  }
}
