package io.resfuse.weights.onnx;

import io.resfuse.engine.Operation.Window;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.OnnxNode;
import io.resfuse.weights.format.OnnxValue;
import io.resfuse.weights.format.WeightsException;
import io.resfuse.weights.onnx.MatchedNetwork.Block;
import io.resfuse.weights.onnx.MatchedNetwork.Conv;
import io.resfuse.weights.onnx.MatchedNetwork.Gate;
import io.resfuse.weights.onnx.MatchedNetwork.Pool;
import io.resfuse.weights.onnx.MatchedNetwork.Subsampling;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Matches a graph from the picture to the logits: the stem, blocks as long as there are any, the
 * head. The first node that does not fit is refused by its name and operator.
 */
final class GraphMatcher {
  private static final int MOST_CONVS = 3;

  private final Graph graph;
  private final Layers layers;
  private final List<String> notes = new ArrayList<>();

  /** Values that a graph may give: what stages give, the pooled values, the logits. */
  private final Set<String> ends = new HashSet<>();

  private GraphMatcher(Graph graph) {
    this.graph = graph;
    this.layers = new Layers(graph, notes);
  }

  static MatchedNetwork match(Graph graph) {
    return new GraphMatcher(graph).network();
  }

  private MatchedNetwork network() {
    Feature image = image(graph, layers, notes);
    List<Conv> stems = new ArrayList<>();
    Feature value = stem(image, stems);
    int inputChannels = stems.get(0).weight().shape().dimension(1);
    Pool pool = null;
    if (graph.consumers(value.value()).size() == 1 && layers.isFollowed(value, "MaxPool")) {
      Feature padded = layers.skip(value);
      OnnxNode node = graph.only(padded.value());
      Window window = layers.window(padded, node, kernel(node));
      pool = new Pool(node, window);
      value = layers.after(padded, node, window);
    }
    List<Block> blocks = new ArrayList<>();
    while (layers.isFollowed(value, "Conv")) {
      value = block(value, blocks);
      ends.add(value.value());
    }
    if (blocks.isEmpty()) {
      throw graph.refuse(
          graph.only(value.value()), "is where the first block is wanted, which has convolutions");
    }
    HeadMatcher head = new HeadMatcher(graph, layers, notes, ends);
    MatchedNetwork.Head linear = head.match(value);
    requireEnds(graph, ends);
    return new MatchedNetwork(inputChannels, stems, pool, blocks, linear, notes);
  }

  /** Refuses a graph that gives anything else than some values. */
  static void requireEnds(Graph graph, Set<String> ends) {
    for (String output : graph.outputs()) {
      if (!ends.contains(output)) {
        throw WeightsException.of(
            graph.model().path(),
            "its graph gives '" + output + "', which is neither logits nor what a stage gives",
            "export it without that output");
      }
    }
  }

  /** One convolution, or, where something is added later, as many as follow without a branch. */
  private Feature stem(Feature image, List<Conv> convs) {
    Feature value = image;
    do {
      Layers.After after = layers.conv(value, graph.only(value.value()));
      convs.add(after.conv());
      value = layers.relu(after.value(), "a convolution of the stem");
      if (convs.size() > MOST_CONVS) {
        throw graph.refuse(after.conv().node(), "is the fourth convolution of a stem");
      }
    } while (graph.hasAdd()
        && graph.consumers(value.value()).size() == 1
        && graph.only(value.value()).is("Conv"));
    if (convs.size() == 2) {
      throw graph.refuse(convs.get(1).node(), "ends a stem of two convolutions");
    }
    return value;
  }

  static int kernel(OnnxNode node) {
    long[] kernel = node.integers("kernel_shape");
    return kernel.length == 0 || kernel[0] < 1 || kernel[0] > 100 ? 0 : (int) kernel[0];
  }

  /** The picture, with its axes as the first convolution wants them. */
  static Feature image(Graph graph, Layers layers, List<String> notes) {
    OnnxValue image = graph.image();
    if (image.dimensions().size() != 4) {
      throw WeightsException.of(
          graph.model().path(),
          "its input '" + image.name() + "' has " + image.dimensions().size() + " dimensions",
          "four are wanted: pictures, channels, rows and columns");
    }
    int[] order = {0, 1, 2, 3};
    OnnxNode node = graph.only(image.name());
    while (node.is("Transpose", "Pad")) {
      if (node.is("Transpose")) {
        int[] step = layers.permutation(node);
        int[] next = new int[4];
        for (int i = 0; i < 4; i++) {
          next[i] = order[step[i]];
        }
        order = next;
      }
      node = graph.only(node.outputs().get(0));
    }
    int[] axes = new int[4];
    for (int i = 0; i < 4; i++) {
      axes[order[i]] = i;
    }
    if (image.size(order[0]) > 0) {
      notes.add(
          "its batch was fixed to " + image.size(order[0]) + "; here batches may have any size");
    }
    Feature raw =
        new Feature(image.name(), axes, new long[4], image.size(order[2]), image.size(order[3]));
    Feature value = layers.skip(raw);
    if (!graph.only(value.value()).is("Conv")) {
      throw graph.refuse(graph.only(value.value()), "is where the first convolution is wanted");
    }
    return value;
  }

  private Feature block(Feature in, List<Block> blocks) {
    if (!graph.hasAdd()) {
      return plainBlock(in, blocks);
    }
    OnnxNode add = null;
    Branch main = null;
    Branch shortcut = null;
    for (OnnxNode start : graph.consumers(in.value())) {
      OnnxNode end = start;
      if (!graph.isAdd(start)) {
        Branch branch = branch(in, start);
        end = branch.end;
        if (branch.isShortcut()) {
          if (shortcut != null) {
            throw graph.refuse(start, "begins a second shortcut");
          }
          shortcut = branch;
        } else if (main != null) {
          throw graph.refuse(start, "begins a second branch of convolutions");
        } else {
          main = branch;
        }
      }
      if (add != null && !add.equals(end)) {
        throw graph.refuse(end, "adds something else than " + add + " does in the same block");
      }
      add = end;
    }
    if (main == null || add == null) {
      throw graph.refuse(
          graph.consumers(in.value()).get(0), "begins a block without two or three convolutions");
    }
    Set<String> wanted =
        new HashSet<>(
            List.of(main.value.value(), shortcut == null ? in.value() : shortcut.value.value()));
    if (wanted.size() != 2 || !wanted.equals(new HashSet<>(add.inputs()))) {
      throw graph.refuse(add, "does not add a block's convolutions and its input");
    }
    Feature sum = main.value.named(add.outputs().get(0));
    blocks.add(
        new Block(
            main.convs,
            main.gate,
            true,
            shortcut == null || shortcut.convs.isEmpty() ? null : shortcut.convs.get(0),
            shortcut == null ? null : shortcut.average,
            shortcut == null ? null : shortcut.subsampling));
    return layers.relu(sum, "the addition (networks that begin blocks with it are not known here)");
  }

  /** Two convolutions, a ReLU after each. */
  private Feature plainBlock(Feature in, List<Block> blocks) {
    Layers.After first = layers.conv(layers.skip(in), graph.only(layers.skip(in).value()));
    Feature hidden = layers.skip(layers.relu(first.value(), "a convolution"));
    Layers.After second = layers.conv(hidden, graph.only(hidden.value()));
    blocks.add(new Block(List.of(first.conv(), second.conv()), null, false, null, null, null));
    return layers.relu(second.value(), "a convolution");
  }

  /**
   * What lies between a block's input and its addition.
   *
   * @param convs with a ReLU between each two
   * @param gate squeeze and excitation behind them, or null
   * @param average a pooling before its convolution, or null
   * @param subsampling of a shortcut without convolutions, or null
   * @param value what is added
   * @param end the addition
   */
  private record Branch(
      List<Conv> convs,
      @Nullable Gate gate,
      @Nullable OnnxNode average,
      @Nullable Subsampling subsampling,
      Feature value,
      OnnxNode end) {
    boolean isShortcut() {
      return convs.size() < 2;
    }
  }

  private Branch branch(Feature in, OnnxNode start) {
    List<Conv> convs = new ArrayList<>();
    Feature value = in;
    OnnxNode node = start;
    Subsampler subsampler = new Subsampler(graph, layers);
    OnnxNode average = null;
    Gate gate = null;
    boolean afterRelu = true;
    while (!graph.isAdd(node)) {
      if (convs.isEmpty() && subsampler.follow(value, node)) {
        value = value.named(node.outputs().get(0));
      } else if (node.equals(start) && isAverageOfSquares(value, node)) {
        average = node;
        value = value.named(node.outputs().get(0));
      } else if (node.is("Transpose", "Pad")) {
        value = layers.moved(value, node);
      } else if (node.is("Conv") && afterRelu && gate == null && !subsampler.isUsed()) {
        Layers.After after = layers.conv(value, node);
        convs.add(after.conv());
        value = after.value();
        GateMatcher.After gated = new GateMatcher(graph, layers).match(value);
        if (gated != null) {
          gate = gated.gate();
          value = gated.value();
        }
        afterRelu = false;
        if (convs.size() > MOST_CONVS) {
          throw graph.refuse(node, "is the fourth convolution of a block");
        }
      } else if (node.is("Relu") && !convs.isEmpty() && !afterRelu && gate == null) {
        value = value.named(node.outputs().get(0));
        afterRelu = true;
      } else {
        throw graph.refuse(node, "does not belong into a residual block at this place");
      }
      node = graph.only(value.value());
    }
    if ((afterRelu && !convs.isEmpty()) || value.isPadded() || !value.isNchw()) {
      throw graph.refuse(node, "adds something that no convolution or batch norm has given");
    }
    if (average != null && convs.size() != 1) {
      throw graph.refuse(average, "is not before the one convolution of a shortcut");
    }
    if (gate != null && convs.size() < 2) {
      throw graph.refuse(gate.node(), "multiplies a shortcut");
    }
    return new Branch(convs, gate, average, subsampler.found(node), value, node);
  }

  /**
   * Squares of two rows, side by side, of which those at the border are means of what they have.
   */
  private static boolean isAverageOfSquares(Feature value, OnnxNode node) {
    long[] two = {2, 2};
    return node.is("AveragePool")
        && value.isNchw()
        && !value.isPadded()
        && Arrays.equals(node.integers("kernel_shape"), two)
        && Arrays.equals(node.integers("strides", 1, 1), two)
        && Arrays.stream(node.integers("pads")).allMatch(pad -> pad == 0)
        && Arrays.stream(node.integers("dilations")).allMatch(step -> step == 1)
        && node.integer("ceil_mode", 0) == 1
        && node.integer("count_include_pad", 0) == 0;
  }

  /** A vector of one element per channel. */
  static boolean isVector(@Nullable Constant constant, int channels) {
    return constant != null
        && !Constant.isInteger(constant.type())
        && constant.shape().equals(Shape.of(channels));
  }
}
