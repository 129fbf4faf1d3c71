package io.resfuse.weights.onnx;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.QuantizedNetwork;
import io.resfuse.engine.QuantizedWeights;
import io.resfuse.engine.Value;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.IntegerTensor;
import io.resfuse.weights.format.OnnxNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The nodes that make a graph of floats one of integers: QuantizeLinear and DequantizeLinear around
 * every value that is stored as integers, and DequantizeLinear behind weights of 8 bits and biases
 * of 32, per channel. That is the form (QDQ) in which ONNX Runtime, TensorRT and others find
 * convolutions of integers.
 *
 * <p>A bias is rounded to steps of the input's scale times that of the channel's weights, those of
 * the sums, since convolutions are computed with integers only if it is one. Where one of its
 * channels would not fit with room for the sum, a convolution's bias stays float32.
 */
final class QdqNodes {
  /** Of a bias in steps: with any sum of products of ours it stays within 32 bits. */
  private static final double LARGEST_BIAS = 1 << 30;

  private final QuantizedNetwork quantized;
  private final List<OnnxNode> nodes;
  private final Map<String, HostTensor> floats;
  private final Map<String, IntegerTensor> integers = new LinkedHashMap<>();

  /**
   * Nodes for a graph.
   *
   * @param quantized whose
   * @param nodes gets the nodes
   * @param floats gets the scales
   */
  QdqNodes(QuantizedNetwork quantized, List<OnnxNode> nodes, Map<String, HostTensor> floats) {
    this.quantized = quantized;
    this.nodes = nodes;
    this.floats = floats;
  }

  /** The network with conversions. */
  NetworkSpec network() {
    return quantized.network();
  }

  /** The initializers of integers. */
  Map<String, IntegerTensor> integers() {
    return integers;
  }

  /** Whether a value is stored as integers. */
  boolean stores(Value value) {
    return quantized.encoding(value) != null;
  }

  /** Whether a convolution has integer weights. */
  boolean multiplies(FusedConv conv) {
    return quantized.weights(conv) != null;
  }

  /** Rounds what one node gives to what integers stand for. */
  void round(String name, Value value, String raw, String output) {
    round(name, quantized.encoding(value), raw, output);
  }

  /**
   * Rounds what a convolution gives before its residual is added.
   *
   * @return the name of what the integers stand for
   */
  String roundBeforeAdd(FusedConv conv, String raw) {
    String name = raw + ".sum";
    String output = name + ".dequantized";
    round(name, quantized.beforeAdd(conv), raw, output);
    return output;
  }

  private void round(String name, Encoding encoding, String raw, String output) {
    String scale = name + ".activation_scale";
    String zeroPoint = name + ".activation_zero_point";
    floats.put(scale, HostTensor.of(Shape.of(), encoding.scale()));
    integers.put(zeroPoint, IntegerTensor.uint8(encoding.zeroPoint()));
    String stored = name + ".quantized";
    node(name + ".quantize", "QuantizeLinear", List.of(raw, scale, zeroPoint), stored, Map.of());
    node(
        name + ".dequantize",
        "DequantizeLinear",
        List.of(stored, scale, zeroPoint),
        output,
        Map.of());
  }

  /** The weights and the bias of a convolution, as the floats that their integers stand for. */
  List<String> weights(FusedConv conv) {
    QuantizedWeights of = quantized.weights(conv);
    String weight = conv.weight().name();
    String scale = conv.name() + ".weight_scale";
    String zeroPoint = conv.name() + ".weight_zero_point";
    Shape channels = Shape.of(of.scales().length);
    integers.put(weight, IntegerTensor.int8(conv.weight().shape(), of.weights()));
    floats.put(scale, HostTensor.of(channels, of.scales()));
    integers.put(zeroPoint, IntegerTensor.int8(channels, new byte[of.scales().length]));
    dequantizeChannels(weight, List.of(weight, scale, zeroPoint));
    String bias = conv.name() + ".bias";
    if (addBias(conv, bias, of)) {
      dequantizeChannels(bias, List.of(bias, bias + "_scale"));
      bias += ".dequantized";
    }
    return List.of(weight + ".dequantized", bias);
  }

  private void dequantizeChannels(String name, List<String> inputs) {
    node(
        name + ".dequantize",
        "DequantizeLinear",
        inputs,
        name + ".dequantized",
        Map.of("axis", 0L));
  }

  /** As integers if they fit, which it says, else as floats. */
  private boolean addBias(FusedConv conv, String name, QuantizedWeights of) {
    float input = quantized.encoding(conv.input()).scale();
    float[] steps = new float[of.scales().length];
    int[] rounded = new int[steps.length];
    boolean fits = true;
    for (int c = 0; c < steps.length; c++) {
      steps[c] = input * of.scales()[c];
      double bias = Math.rint(of.bias()[c] / (double) steps[c]);
      fits &= steps[c] >= Float.MIN_NORMAL && Math.abs(bias) <= LARGEST_BIAS;
      rounded[c] = (int) bias;
    }
    if (fits) {
      floats.put(name + "_scale", HostTensor.of(Shape.of(steps.length), steps));
      integers.put(name, IntegerTensor.int32(rounded));
    } else {
      floats.put(name, HostTensor.of(Shape.of(steps.length), of.bias()));
    }
    return fits;
  }

  private void node(
      String name, String op, List<String> inputs, String output, Map<String, Object> attributes) {
    nodes.add(OnnxNode.of(name, op, inputs, output, attributes));
  }
}
