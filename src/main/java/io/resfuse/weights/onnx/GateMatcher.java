package io.resfuse.weights.onnx;

import io.resfuse.engine.Operation.Window;
import io.resfuse.weights.format.OnnxNode;
import io.resfuse.weights.onnx.MatchedNetwork.Conv;
import io.resfuse.weights.onnx.MatchedNetwork.Gate;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Matches squeeze and excitation: a value that is multiplied by the sigmoid of two 1x1 convolutions
 * of its own mean over rows and columns.
 */
final class GateMatcher {
  private static final Window PRODUCT = new Window(1, 1, 0, 1);

  private final Graph graph;
  private final Layers layers;

  GateMatcher(Graph graph, Layers layers) {
    this.graph = graph;
    this.layers = layers;
  }

  /** A gate, and the value after the multiplication. */
  record After(Gate gate, Feature value) {}

  /** The gate of a value; null if nothing multiplies that. */
  @Nullable After match(Feature in) {
    List<OnnxNode> readers = graph.consumers(in.value());
    OnnxNode multiply = readers.stream().filter(node -> node.is("Mul")).findFirst().orElse(null);
    if (readers.size() != 2 || multiply == null || !in.isNchw() || in.isPadded()) {
      return null;
    }
    OnnxNode mean = readers.get(readers.get(0).equals(multiply) ? 1 : 0);
    if (!layers.isMeanOfPixels(in, mean) || mean.integer("keepdims", 1) != 1) {
      throw graph.refuse(
          mean,
          "is where the mean over rows and columns, which are kept, is wanted for " + multiply);
    }
    Feature value = in.sized(mean.outputs().get(0), 1, 1);
    Layers.After reduce = product(value);
    Layers.After expand =
        product(layers.relu(reduce.value(), "the first convolution of squeeze and excitation"));
    OnnxNode sigmoid = graph.only(expand.value().value());
    if (!sigmoid.is("Sigmoid")) {
      throw graph.refuse(sigmoid, "is where the Sigmoid of squeeze and excitation is wanted");
    }
    String gate = sigmoid.outputs().get(0);
    if (!graph.only(gate).equals(multiply)
        || !Set.copyOf(multiply.inputs()).equals(Set.of(in.value(), gate))) {
      throw graph.refuse(multiply, "does not multiply a value by what " + sigmoid + " makes of it");
    }
    return new After(
        new Gate(multiply, reduce.conv(), expand.conv()), in.named(multiply.outputs().get(0)));
  }

  private Layers.After product(Feature in) {
    Layers.After after = layers.conv(in, graph.only(in.value()));
    Conv conv = after.conv();
    if (conv.norm() != null || conv.groups() != 1 || !conv.window().equals(PRODUCT)) {
      throw graph.refuse(
          conv.node(), "is no 1x1 convolution without groups and batch norm, as a gate has");
    }
    return after;
  }
}
