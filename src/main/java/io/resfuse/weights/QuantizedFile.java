package io.resfuse.weights;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.QuantizedNetwork;
import io.resfuse.engine.QuantizedWeights;
import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.Json;
import io.resfuse.weights.format.SafetensorsWriter;
import io.resfuse.weights.format.SafetensorsWriter.Int8Tensor;
import io.resfuse.weights.format.StoredTensor;
import io.resfuse.weights.format.TensorFile;
import io.resfuse.weights.format.WeightsException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Files of quantised models: safetensors that have, of each convolution X with integer weights,
 * {@code X.weight} (int8), {@code X.weight_scale} and {@code X.bias} (float32, per output channel,
 * batch norm folded in), of each stored value V {@code V.activation_scale} (float32, one element),
 * and of all other operations their parameters. {@code resfuse.quantization} in the metadata has
 * the zero points of values that have another than 0, and how all this was found.
 */
final class QuantizedFile {
  private static final String KEY = "resfuse.quantization";
  private static final String SCALE = ".weight_scale";
  private static final String ACTIVATION = ".activation_scale";
  private static final String ZERO_POINTS = "zero_points";
  private static final long VERSION = 2;

  private QuantizedFile() {}

  /** Whether a file is one. */
  static boolean is(TensorFile file) {
    return file.metadata().containsKey(KEY);
  }

  static void write(
      Path target,
      ModelMetadata metadata,
      NetworkSpec network,
      Parameters parameters,
      Quantization quantization,
      Map<String, Object> how) {
    Map<String, HostTensor> floats = new LinkedHashMap<>();
    Map<String, Int8Tensor> integers = new LinkedHashMap<>();
    Map<String, @Nullable Object> zeroPoints = new LinkedHashMap<>();
    for (Operation operation : network.operations()) {
      QuantizedWeights weights = quantization.weights().get(operation.name());
      if (weights == null) {
        operation.parameters().forEach(p -> floats.put(p.name(), parameters.get(p)));
      } else {
        Shape channels = Shape.of(weights.scales().length);
        floats.put(operation.name() + SCALE, HostTensor.of(channels, weights.scales()));
        floats.put(operation.name() + ".bias", HostTensor.of(channels, weights.bias()));
        integers.put(
            operation.name() + ".weight",
            new Int8Tensor(operation.parameters().get(0).shape(), weights.weights()));
      }
    }
    quantization
        .encodings()
        .forEach(
            (name, encoding) -> {
              floats.put(name + ACTIVATION, HostTensor.of(Shape.of(1), encoding.scale()));
              if (encoding.zeroPoint() != 0) {
                zeroPoints.put(name, (long) encoding.zeroPoint());
              }
            });
    FiniteCheck.require(target + " was not written", floats);
    Map<String, @Nullable Object> description = new LinkedHashMap<>();
    description.put("version", VERSION);
    description.putAll(how);
    description.put(ZERO_POINTS, zeroPoints);
    Map<String, String> strings = new LinkedHashMap<>(metadata.toStrings());
    strings.put(KEY, Json.write(description));
    SafetensorsWriter.write(target, floats, integers, strings, written -> {});
  }

  /** What such a file says of how it was made, one line for people. */
  static String describe(TensorFile file) {
    StringBuilder text = new StringBuilder("int8 weights");
    how(file)
        .forEach(
            (key, value) ->
                text.append(", ").append(key.replace('_', ' ')).append(' ').append(value));
    return text.toString();
  }

  /** What such a file says of how it was made. */
  static Map<String, Object> how(TensorFile file) {
    Map<String, Object> how = new LinkedHashMap<>();
    description(file)
        .forEach(
            (key, value) -> {
              if (value != null && !key.equals("version") && !key.equals(ZERO_POINTS)) {
                how.put(key, value);
              }
            });
    return how;
  }

  private static Map<String, @Nullable Object> description(TensorFile file) {
    try {
      Map<String, @Nullable Object> description = Json.parseObject(file.metadata().get(KEY));
      if (!Long.valueOf(VERSION).equals(description.get("version"))) {
        throw WeightsException.of(
            file.path(),
            "its quantisation has version " + description.get("version"),
            "this release reads version "
                + VERSION
                + ": use the one that wrote it, or quantise the original weights again");
      }
      return description;
    } catch (IOException e) {
      throw new WeightsException(
          file.path()
              + ": its description of the quantisation is damaged ("
              + e.getMessage()
              + "); quantise the original weights again",
          e);
    }
  }

  /** The parameters, as floats and as integers. */
  static Parameters read(TensorFile file, NetworkSpec network) {
    Reading reading = new Reading(file, network);
    try {
      return reading.read();
    } catch (IllegalArgumentException e) {
      throw new WeightsException(
          file.path()
              + ": its quantisation is damaged ("
              + e.getMessage()
              + "); quantise the original weights again",
          e);
    }
  }

  /** Reads one file. */
  private static final class Reading {
    private final TensorFile file;
    private final NetworkSpec network;
    private final Map<?, ?> zeroPoints;
    private final Set<String> unread;
    private final Map<String, HostTensor> floats = new LinkedHashMap<>();

    Reading(TensorFile file, NetworkSpec network) {
      this.file = file;
      this.network = network;
      this.zeroPoints =
          description(file).get(ZERO_POINTS) instanceof Map<?, ?> map ? map : Map.of();
      this.unread = new HashSet<>(file.tensors().keySet());
    }

    Parameters read() {
      Map<String, QuantizedWeights> weights = new LinkedHashMap<>();
      for (Operation operation : network.operations()) {
        if (operation instanceof FusedConv conv
            && file.tensors().containsKey(conv.name() + SCALE)) {
          QuantizedWeights quantized = weights(conv);
          weights.put(conv.name(), quantized);
          addFloats(conv, quantized);
        } else {
          operation.parameters().forEach(p -> floats.put(p.name(), load(p.name(), p.shape())));
        }
      }
      Map<String, Encoding> encodings = new LinkedHashMap<>();
      for (String name : QuantizedNetwork.encodedValues(network, weights.keySet())) {
        float scale = load(name + ACTIVATION, Shape.of(1)).get(0);
        encodings.put(name, new Encoding(scale, zeroPoint(name)));
      }
      if (weights.isEmpty() || !unread.isEmpty()) {
        throw new IllegalArgumentException(
            weights.isEmpty()
                ? "there are no integer weights"
                : "there is no place for " + unread.iterator().next());
      }
      Quantization quantization = new Quantization(weights, encodings);
      QuantizedNetwork.of(network, quantization);
      return new Parameters(network, floats).withQuantization(quantization);
    }

    private int zeroPoint(String name) {
      Object given = zeroPoints.get(name);
      if (given == null) {
        return 0;
      }
      if (!(given instanceof Long number) || number < 0 || number > Encoding.LARGEST) {
        throw new IllegalArgumentException(name + " has the zero point " + given);
      }
      return number.intValue();
    }

    private QuantizedWeights weights(FusedConv conv) {
      Shape shape = conv.weight().shape();
      StoredTensor stored = stored(conv.name() + ".weight", shape);
      if (stored.type() != DataType.INT8) {
        throw new IllegalArgumentException(stored + " is not int8");
      }
      float[] elements = stored.load().toArray();
      byte[] integers = new byte[elements.length];
      for (int i = 0; i < elements.length; i++) {
        integers[i] = (byte) elements[i];
      }
      Shape channels = Shape.of(shape.dimension(0));
      return new QuantizedWeights(
          integers,
          load(conv.name() + SCALE, channels).toArray(),
          load(conv.name() + ".bias", channels).toArray());
    }

    private StoredTensor stored(String name, Shape shape) {
      StoredTensor stored = file.tensors().get(name);
      if (stored == null || !stored.shape().equals(shape)) {
        throw new IllegalArgumentException(
            name
                + " needs shape "
                + shape
                + (stored == null ? ", it is missing" : ", got " + stored.shape()));
      }
      unread.remove(name);
      return stored;
    }

    private HostTensor load(String name, Shape shape) {
      HostTensor tensor = stored(name, shape).load();
      FiniteCheck.require(file.path().toString(), Map.of(name, tensor));
      return tensor;
    }

    /** What engines that compute in floats get: the integers times their scales. */
    private void addFloats(FusedConv conv, QuantizedWeights quantized) {
      Shape shape = conv.weight().shape();
      float[] weight = new float[quantized.weights().length];
      int perChannel = weight.length / quantized.scales().length;
      for (int i = 0; i < weight.length; i++) {
        weight[i] = quantized.weights()[i] * quantized.scales()[i / perChannel];
      }
      floats.put(conv.weight().name(), HostTensor.of(shape, weight));
      HostTensor bias = HostTensor.of(Shape.of(quantized.bias().length), quantized.bias());
      BatchNorm norm = conv.batchNorm();
      ParameterSpec own = conv.bias();
      if (norm == null) {
        if (own == null) {
          throw new IllegalArgumentException(conv.name() + " has no place for its bias");
        }
        floats.put(own.name(), bias);
        return;
      }
      if (own != null) {
        floats.put(own.name(), HostTensor.zeros(own.shape()));
      }
      floats.put(norm.gamma().name(), filled(norm.gamma(), 1));
      floats.put(norm.beta().name(), bias);
      floats.put(norm.mean().name(), filled(norm.mean(), 0));
      floats.put(norm.variance().name(), filled(norm.variance(), (float) (1 - norm.epsilon())));
    }

    private static HostTensor filled(ParameterSpec spec, float value) {
      HostTensor tensor = HostTensor.zeros(spec.shape());
      for (int i = 0; i < tensor.buffer().capacity(); i++) {
        tensor.set(i, value);
      }
      return tensor;
    }
  }
}
