package io.resfuse.engine;

import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.Window;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A quantised network that rounds once more: what a convolution of integers gives is stored in
 * bytes before a residual is added to it, by {@link QuantizedNetwork#beforeAdd}. So others compute,
 * whose additions take bytes; this is for holding their results against. An addition is a
 * convolution of one pixel and one channel by 1, so that engines need no more for it than they
 * have. Immutable and thread-safe.
 *
 * @param network the same outputs and values under the same names, and the sums before additions
 * @param quantization of this network
 */
public record RoundedSums(NetworkSpec network, Quantization quantization) {
  private static final Window POINT = new Window(1, 1, 0, 1);

  /**
   * Puts roundings into a network.
   *
   * @param network whose convolutions add residuals to what they give
   * @param quantization of it
   * @return the same with a rounding before each addition to a sum of integers
   * @throws EngineException if the quantisation is not one of this network
   */
  public static RoundedSums of(NetworkSpec network, Quantization quantization) {
    QuantizedNetwork quantized = QuantizedNetwork.of(network, quantization);
    Map<String, Encoding> sums = new HashMap<>();
    for (Operation operation : quantized.network().operations()) {
      if (operation instanceof FusedConv conv
          && conv.residual() != null
          && quantized.weights(conv) != null) {
        sums.put(conv.name(), quantized.beforeAdd(conv));
      }
    }
    List<Value> values = new ArrayList<>(network.values());
    List<Operation> operations = new ArrayList<>();
    Map<String, QuantizedWeights> weights = new LinkedHashMap<>(quantization.weights());
    Map<String, Encoding> encodings = new LinkedHashMap<>(quantization.encodings());
    for (Operation operation : network.operations()) {
      Encoding encoding = sums.get(operation.name());
      if (encoding == null) {
        operations.add(operation);
        continue;
      }
      FusedConv conv = (FusedConv) operation;
      int channels = conv.output().channels();
      Value sum = new Value(values.size(), conv.name() + " before addition", channels, false);
      values.add(sum);
      encodings.put(sum.name(), encoding);
      FusedConv addition = addition(conv, sum);
      weights.put(addition.name(), ones(channels));
      operations.add(convolution(conv, sum));
      operations.add(addition);
    }
    return new RoundedSums(
        new NetworkSpec(network.name(), network.input(), values, operations, network.outputs()),
        new Quantization(weights, encodings));
  }

  /**
   * The parameters of this network.
   *
   * @param given of the network that it was made of
   * @return the same tensors and ones for additions, with {@link #quantization}
   */
  public Parameters parameters(Parameters given) {
    Map<String, HostTensor> tensors = new LinkedHashMap<>(given.asMap());
    for (ParameterSpec spec : network.parameters().values()) {
      tensors.computeIfAbsent(spec.name(), name -> ones(spec.shape()));
    }
    return new Parameters(network, tensors).withQuantization(quantization);
  }

  private static FusedConv convolution(FusedConv conv, Value sum) {
    return new FusedConv(
        conv.name(),
        conv.input(),
        conv.window(),
        conv.groups(),
        conv.weight(),
        conv.bias(),
        conv.batchNorm(),
        null,
        false,
        sum);
  }

  private static FusedConv addition(FusedConv conv, Value sum) {
    String name = conv.name() + " addition";
    int channels = sum.channels();
    Shape shape = Shape.of(channels, 1, 1, 1);
    return new FusedConv(
        name,
        sum,
        POINT,
        channels,
        new ParameterSpec(name + ".weight", shape, ParameterSpec.Role.CONV_WEIGHT),
        null,
        null,
        conv.residual(),
        conv.relu(),
        conv.output());
  }

  private static QuantizedWeights ones(int channels) {
    byte[] weights = new byte[channels];
    float[] scales = new float[channels];
    Arrays.fill(weights, (byte) 1);
    Arrays.fill(scales, 1);
    return new QuantizedWeights(weights, scales, new float[channels]);
  }

  private static HostTensor ones(Shape shape) {
    float[] ones = new float[(int) shape.elements()];
    Arrays.fill(ones, 1);
    return HostTensor.of(shape, ones);
  }
}
