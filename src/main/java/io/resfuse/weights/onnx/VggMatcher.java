package io.resfuse.weights.onnx;

import io.resfuse.engine.Operation.Window;
import io.resfuse.weights.format.OnnxNode;
import io.resfuse.weights.onnx.MatchedNetwork.Conv;
import io.resfuse.weights.onnx.MatchedNetwork.Head;
import io.resfuse.weights.onnx.MatchedNetwork.Pool;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Matches a graph that has no additions and several poolings: stages of convolutions, which
 * poolings end, and what follows: fully connected layers, as products of matrices (torchvision's)
 * or as convolutions (ours), the mean over rows and columns, the last linear layer. The first node
 * that does not fit is refused by its name and operator.
 */
final class VggMatcher {
  private static final int HIDDEN_LAYERS = 2;

  private final Graph graph;
  private final Layers layers;
  private final List<String> notes = new ArrayList<>();
  private final Set<String> ends = new HashSet<>();

  private VggMatcher(Graph graph) {
    this.graph = graph;
    this.layers = new Layers(graph, notes);
  }

  /** Whether a graph rather is a VGG than a ResNet: a chain with more than one pooling. */
  static boolean fits(Graph graph) {
    int pools = 0;
    List<OnnxNode> next = graph.consumers(graph.image().name());
    while (!graph.hasAdd() && next.size() == 1) {
      OnnxNode node = next.get(0);
      pools += node.is("MaxPool") ? 1 : 0;
      next = graph.consumers(node.outputs().get(0));
    }
    return pools > 1;
  }

  static MatchedVgg match(Graph graph) {
    return new VggMatcher(graph).network();
  }

  private MatchedVgg network() {
    Feature value = GraphMatcher.image(graph, layers, notes);
    List<MatchedVgg.Stage> stages = new ArrayList<>();
    List<Conv> convs = new ArrayList<>();
    while (layers.isFollowed(value, "Conv") || layers.isFollowed(value, "MaxPool")) {
      Feature padded = layers.skip(value);
      OnnxNode node = graph.only(padded.value());
      if (node.is("Conv")) {
        Layers.After after = layers.conv(padded, node);
        convs.add(after.conv());
        value = layers.relu(after.value(), "a convolution");
      } else {
        Window window = layers.window(padded, node, GraphMatcher.kernel(node));
        if (convs.isEmpty()) {
          throw graph.refuse(node, "is a pooling without a convolution before it");
        }
        stages.add(
            new MatchedVgg.Stage(
                List.copyOf(convs), new Pool(node, window), value.height(), value.width()));
        convs.clear();
        value = layers.after(padded, node, window);
        ends.add(value.value());
      }
    }
    if (stages.isEmpty()) {
      throw graph.refuse(graph.only(value.value()), "is in a network without a pooling");
    }
    HeadMatcher heads = new HeadMatcher(graph, layers, notes, ends);
    Head head = isMatrix(value) ? matrices(value, heads, convs) : heads.match(value);
    if (!convs.isEmpty() && convs.size() != HIDDEN_LAYERS) {
      throw graph.refuse(
          convs.get(0).node(),
          "begins " + convs.size() + " fully connected layers before the last one, not two");
    }
    GraphMatcher.requireEnds(graph, ends);
    int inputChannels = stages.get(0).convs().get(0).weight().shape().dimension(1);
    return new MatchedVgg(inputChannels, stages, List.copyOf(convs), head, notes);
  }

  /** Whether all pixels, and not their mean, go into a product. */
  private boolean isMatrix(Feature value) {
    if (graph.consumers(value.value()).isEmpty()) {
      return false;
    }
    OnnxNode node = graph.only(value.value());
    return node.is("Flatten", "Reshape") || isNothing(node);
  }

  /** torchvision's adaptive pooling where there is nothing to adapt. */
  private static boolean isNothing(OnnxNode node) {
    long[] one = {1, 1};
    return node.is("AveragePool")
        && Arrays.equals(node.integers("kernel_shape"), one)
        && Arrays.equals(node.integers("strides", 1, 1), one)
        && Arrays.stream(node.integers("pads")).allMatch(pad -> pad == 0);
  }

  private @Nullable Head matrices(Feature features, HeadMatcher heads, List<Conv> dense) {
    String value = features.value();
    if (!dense.isEmpty() || !features.isNchw()) {
      throw graph.refuse(
          graph.only(value), "reshapes something else than the pixels of the last pooling");
    }
    OnnxNode node = graph.only(value);
    if (isNothing(node)) {
      value = node.outputs().get(0);
      node = graph.only(value);
    }
    if (!heads.isFlatAfterReshaping(node, false)) {
      throw graph.refuse(node, "is where pixels and channels are wanted as one");
    }
    value = node.outputs().get(0);
    node = graph.only(value);
    boolean hidden = hasHidden(node);
    if (!hidden) {
      return heads.linear(node, value);
    }
    for (int i = 0; i < HIDDEN_LAYERS; i++) {
      HeadMatcher.Product product = heads.product(node, value);
      Head layer = product.head();
      dense.add(new Conv(node, layer.weight(), layer.bias(), null, new Window(1, 1, 0, 1), 1));
      OnnxNode relu = graph.only(product.value());
      if (!relu.is("Relu")) {
        throw graph.refuse(relu, "is where a Relu is wanted, after a fully connected layer");
      }
      value = relu.outputs().get(0);
      node = graph.only(value);
    }
    ends.add(value);
    return heads.linear(node, value);
  }

  /** Whether a ReLU follows on a product, behind its bias. */
  private boolean hasHidden(OnnxNode product) {
    List<OnnxNode> next = graph.consumers(product.outputs().get(0));
    if (next.size() == 1 && next.get(0).is("Add")) {
      next = graph.consumers(next.get(0).outputs().get(0));
    }
    return next.size() == 1 && next.get(0).is("Relu");
  }
}
