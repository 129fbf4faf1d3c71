package io.resfuse.weights.onnx;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.AveragePool;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.QuantizedNetwork;
import io.resfuse.engine.QuantizedWeights;
import io.resfuse.engine.Value;
import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.weights.format.OnnxNode;
import io.resfuse.weights.onnx.MatchedNetwork.Conv;
import io.resfuse.weights.onnx.QdqPairs.Integers;
import io.resfuse.weights.onnx.QdqPairs.Rounding;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Makes our quantisation of what {@link QdqPairs} found in a graph that was matched. */
final class QdqQuantization {
  private final Graph graph;
  private final NetworkSpec network;
  private final Map<String, Conv> convs;
  private final Map<String, OnnxNode> nodes;
  private final List<String> notes;
  private final Map<String, QuantizedWeights> weights = new LinkedHashMap<>();
  private final Map<String, Encoding> encodings = new LinkedHashMap<>();
  private final Set<String> used = new HashSet<>();
  private int parts;

  /**
   * For one graph.
   *
   * @param graph what the file says
   * @param network ours
   * @param convs by the names of our operations
   * @param nodes of our other operations
   * @param notes gets what was changed
   */
  QdqQuantization(
      Graph graph,
      NetworkSpec network,
      Map<String, Conv> convs,
      Map<String, OnnxNode> nodes,
      List<String> notes) {
    this.graph = graph;
    this.network = network;
    this.convs = convs;
    this.nodes = nodes;
    this.notes = notes;
  }

  /** The integers; null if no convolution has any. */
  @Nullable Quantization read() {
    for (Operation operation : network.operations()) {
      if (operation instanceof FusedConv conv) {
        read(conv);
      }
    }
    if (weights.isEmpty()) {
      return null;
    }
    for (String name : QuantizedNetwork.encodedValues(network, weights.keySet())) {
      encodings.put(name, encoding(name));
    }
    network.operations().forEach(this::compareScales);
    Quantization quantization = new Quantization(weights, encodings);
    try {
      QuantizedNetwork.of(network, quantization);
    } catch (EngineException e) {
      throw graph.refuse(
          convs.values().iterator().next().node(),
          "begins a quantised network that cannot be run (" + e.getMessage() + ")");
    }
    note();
    return quantization;
  }

  private void note() {
    notes.add("int8 weights of " + weights.size() + " convolutions, between QuantizeLinear nodes");
    int others = graph.pairs().count() - used.size();
    if (others > 0) {
      notes.add(
          others
              + " values that are rounded there, before additions or in the head, are not"
              + " rounded here");
    }
    if (parts > 0) {
      notes.add(
          parts
              + " values behind a ReLU were stored with integers below zero, which were unused;"
              + " they keep their steps, and reach farther here");
    }
  }

  private void read(FusedConv ours) {
    Conv theirs = convs.get(ours.name());
    Integers integers = theirs == null ? null : graph.pairs().integers(theirs.node().input(1));
    if (integers == null || !graph.pairs().readsIntegers(theirs.node())) {
      return;
    }
    if (theirs.norm() != null) {
      throw graph.refuse(
          theirs.norm().node(), "follows on integer weights: fold it before they are quantised");
    }
    int channels = theirs.outChannels();
    float[] scales = integers.scale().floats().get().toArray();
    if (scales.length == 1) {
      float[] all = new float[channels];
      Arrays.fill(all, scales[0]);
      scales = all;
    } else if (integers.axis() != 0) {
      throw graph.refuse(
          integers.node(), "has scales along axis " + integers.axis() + "; 0 is wanted");
    }
    float[] bias =
        theirs.bias() == null ? new float[channels] : theirs.bias().floats().get().toArray();
    try {
      weights.put(ours.name(), new QuantizedWeights(bytes(integers), scales, bias));
    } catch (IllegalArgumentException e) {
      throw graph.refuse(
          integers.node(), "gives weights that cannot be used (" + e.getMessage() + ")");
    }
  }

  /** Signed bytes; of unsigned ones the zero point is 128. */
  private byte[] bytes(Integers integers) {
    DataType type = integers.values().type();
    float zero = type == DataType.UINT8 ? 128 : 0;
    HostTensor zeroPoint =
        integers.zeroPoint() == null ? null : integers.zeroPoint().floats().get();
    boolean symmetric = type != DataType.INT32 && (zeroPoint != null || zero == 0);
    for (int i = 0; symmetric && zeroPoint != null && i < zeroPoint.shape().elements(); i++) {
      symmetric = zeroPoint.get(i) == zero;
    }
    if (!symmetric) {
      throw graph.refuse(
          integers.node(),
          "gives weights that are not symmetric: zero points of 0 (signed bytes), or 128 (unsigned)"
              + " are wanted");
    }
    HostTensor values = integers.values().floats().get();
    byte[] bytes = new byte[(int) values.shape().elements()];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (values.get(i) - zero);
    }
    return bytes;
  }

  private Encoding encoding(String name) {
    Operation writer = writer(name);
    String value = writer == null ? graph.image().name() : end(writer);
    Rounding rounding = graph.pairs().rounding(value);
    if (rounding == null) {
      throw graph.refuse(
          writer == null ? graph.only(value) : node(writer),
          writer == null
              ? "takes the picture without QuantizeLinear"
              : "gives, with what is added to it and its ReLU, what convolutions of integers take"
                  + " or add, without QuantizeLinear");
    }
    used.add(value);
    int zeroPoint = rounding.zeroPoint();
    if (zeroPoint != 0 && writer != null && isPositive(writer)) {
      parts++;
      zeroPoint = 0;
    }
    try {
      return new Encoding(rounding.scale(), zeroPoint);
    } catch (IllegalArgumentException e) {
      throw graph.refuse(rounding.node(), "has a scale of no use (" + e.getMessage() + ")");
    }
  }

  private @Nullable Operation writer(String value) {
    return network.operations().stream()
        .filter(operation -> operation.output().name().equals(value))
        .findFirst()
        .orElse(null);
  }

  private OnnxNode node(Operation operation) {
    Conv conv = convs.get(operation.name());
    OnnxNode node = conv == null ? nodes.get(operation.name()) : conv.node();
    if (node == null) {
      throw new IllegalStateException(operation.name() + " was not matched");
    }
    return node;
  }

  /** Whether a ReLU ends what an operation gives. */
  private boolean isPositive(Operation operation) {
    if (operation instanceof FusedConv conv) {
      return conv.relu();
    }
    if (operation instanceof SqueezeExcite gating) {
      return gating.relu();
    }
    Operation before = writer(operation.inputs().get(0).name());
    return before != null && isPositive(before);
  }

  /** The value of the graph that is an operation's: behind the addition and the ReLU. */
  private String end(Operation operation) {
    String value = node(operation).outputs().get(0);
    if (operation instanceof FusedConv conv) {
      List<OnnxNode> next = graph.consumers(value);
      while (next.size() == 1
          && (next.get(0).is("BatchNormalization")
              || (next.get(0).is("Add") && !graph.isAdd(next.get(0))))) {
        value = next.get(0).outputs().get(0);
        next = graph.consumers(value);
      }
      return end(value, conv.residual(), conv.relu());
    }
    return operation instanceof SqueezeExcite gating
        ? end(value, gating.residual(), gating.relu())
        : value;
  }

  private String end(String value, @Nullable Value residual, boolean relu) {
    String at = value;
    for (int i = 0; i < (residual == null ? 0 : 1) + (relu ? 1 : 0); i++) {
      at = graph.only(at).outputs().get(0);
    }
    return at;
  }

  /** What passes integers on has one scale on both sides. */
  private void compareScales(Operation operation) {
    boolean passesOn =
        operation instanceof MaxPool
            || operation instanceof AveragePool
            || operation instanceof SubsampledIdentity;
    if (!passesOn || encodings.containsKey(operation.output().name())) {
      return;
    }
    Operation before = writer(operation.inputs().get(0).name());
    Rounding in = before == null ? null : graph.pairs().rounding(end(before));
    Rounding out = graph.pairs().rounding(end(operation));
    if (out != null) {
      used.add(out.value());
    }
    if (in != null && out != null && !in.isSame(out)) {
      throw graph.refuse(
          out.node(),
          "has another scale or zero point than " + in.node() + " before " + operation.name());
    }
  }
}
