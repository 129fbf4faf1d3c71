package io.resfuse.engine.cuda;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.QuantizedNetwork;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import io.resfuse.engine.cuda.internal.emit.Convolutions;
import io.resfuse.engine.cuda.internal.emit.Gates;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.layout.HostWeights;
import io.resfuse.engine.cuda.internal.layout.Layouts;
import io.resfuse.engine.cuda.internal.layout.WeightLayout;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Region;
import io.resfuse.tensor.HostTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The weights of a network for inference: those of convolutions rounded to what tensors are stored
 * as, batch norms and biases as a scale and a bias per channel in float32, computed in float64. On
 * demand the scales are in the weights, and 1. Those of squeeze and excitation are float32. In int8
 * convolutions of integers have {@link IntegerWeights} in the same memory.
 */
final class NetworkWeights implements WeightSource {
  private final NetworkSpec network;
  private final Layouts layouts;
  private final ElementType type;
  private final boolean foldsScales;
  private final Region region = new Region(Buffer.Kind.NETWORK);
  private final Map<String, Buffer> weights = new HashMap<>();
  private final Map<String, Buffer> scales = new HashMap<>();
  private final Map<String, Buffer> biases = new HashMap<>();

  /** Of squeeze and excitation, floats. */
  private final Map<ParameterSpec, Buffer> plain = new HashMap<>();

  /** Null unless there are integers. */
  private final @Nullable IntegerWeights integers;

  NetworkWeights(NetworkSpec network, Layouts layouts, ElementType type, boolean foldsScales) {
    this(network, layouts, type, foldsScales, null);
  }

  NetworkWeights(
      NetworkSpec network,
      Layouts layouts,
      ElementType type,
      boolean foldsScales,
      @Nullable QuantizedNetwork quantized) {
    this.network = network;
    this.layouts = layouts;
    this.type = type;
    this.foldsScales = foldsScales;
    this.integers = quantized == null ? null : new IntegerWeights(quantized, layouts, region);
    for (Operation operation : network.operations()) {
      if (operation instanceof SqueezeExcite) {
        for (ParameterSpec spec : operation.parameters()) {
          plain.put(spec, region.add(spec.shape().elements() * Float.BYTES));
        }
      }
      WeightLayout layout = layouts.of(operation);
      if (layout == null || isOfIntegers(operation)) {
        continue;
      }
      String name = operation.name();
      weights.put(name, region.add(layout.elements() * type.bytes()));
      long vector = (long) layout.outputs() * Float.BYTES;
      boolean normalised =
          operation instanceof FusedConv conv && (conv.batchNorm() != null || layouts.scalesAll());
      if (normalised) {
        scales.put(name, region.add(vector));
      }
      if (normalised || biasOf(operation) != null) {
        biases.put(name, region.add(vector));
      }
    }
  }

  private boolean isOfIntegers(Operation operation) {
    return integers != null && operation instanceof FusedConv conv && integers.has(conv);
  }

  /** Those of convolutions of integers; null if the network is not one in int8. */
  @Nullable IntegerWeights integers() {
    return integers;
  }

  private static @Nullable ParameterSpec biasOf(Operation operation) {
    if (operation instanceof Linear linear) {
      return linear.bias();
    }
    return operation instanceof FusedConv conv ? conv.bias() : null;
  }

  private static ParameterSpec weightOf(Operation operation) {
    return operation instanceof Linear linear ? linear.weight() : ((FusedConv) operation).weight();
  }

  /** What they take on the device. */
  long bytes() {
    return region.bytes();
  }

  /** Packs parameters and copies them to the device. */
  DeviceMemory load(Context context, Parameters parameters) {
    DeviceMemory memory =
        new DeviceMemory(
            context,
            bytes(),
            String.format(
                "the weights of %s in %s need %.1f MiB",
                network.name(), type.suffix(), bytes() / 0x1p20));
    boolean done = false;
    try {
      for (Operation operation : network.operations()) {
        if (layouts.of(operation) != null && !isOfIntegers(operation)) {
          load(memory, operation, parameters);
        }
      }
      if (integers != null) {
        integers.load(memory);
      }
      plain.forEach((spec, buffer) -> write(memory, buffer, doubles(parameters.get(spec))));
      done = true;
      return memory;
    } finally {
      if (!done) {
        memory.close();
      }
    }
  }

  private void load(DeviceMemory memory, Operation operation, Parameters parameters) {
    WeightLayout layout = layouts.of(operation);
    double[][] affine = affine(operation, layout.outputs(), parameters);
    FloatBuffer given = parameters.get(weightOf(operation)).buffer();
    if (foldsScales) {
      given = scaled(given, affine[0], operation.output().channels());
      Arrays.fill(affine[0], 1);
    }
    ByteBuffer packed = allocate(layout.elements() * type.bytes());
    HostWeights.pack(
        layout,
        weightOf(operation).shape(),
        given,
        (element, value) -> type.put(value, packed, element));
    memory.write(weights.get(operation.name()).offset(), packed);
    write(memory, scales.get(operation.name()), affine[0]);
    write(memory, biases.get(operation.name()), affine[1]);
  }

  /** Weights, in the order (out, ...), times the scale of the channel that they lead to. */
  private static FloatBuffer scaled(FloatBuffer weights, double[] scale, int outputs) {
    FloatBuffer result = FloatBuffer.allocate(weights.limit());
    int each = weights.limit() / outputs;
    for (int i = 0; i < weights.limit(); i++) {
      result.put(i, (float) (weights.get(i) * scale[i / each]));
    }
    return result;
  }

  /** Scale and bias per channel; the padding's are zero. */
  private static double[][] affine(Operation operation, int padded, Parameters parameters) {
    double[] scale = new double[padded];
    double[] bias = new double[padded];
    ParameterSpec biasSpec = biasOf(operation);
    BatchNorm norm = operation instanceof FusedConv conv ? conv.batchNorm() : null;
    HostTensor given = biasSpec == null ? null : parameters.get(biasSpec);
    for (int c = 0; c < operation.output().channels(); c++) {
      scale[c] = 1;
      bias[c] = given == null ? 0 : given.get(c);
      if (norm != null) {
        double variance = parameters.get(norm.variance()).get(c);
        scale[c] = parameters.get(norm.gamma()).get(c) / Math.sqrt(variance + norm.epsilon());
        bias[c] =
            parameters.get(norm.beta()).get(c)
                + (bias[c] - parameters.get(norm.mean()).get(c)) * scale[c];
      }
    }
    return new double[][] {scale, bias};
  }

  private static double[] doubles(HostTensor tensor) {
    double[] values = new double[Math.toIntExact(tensor.shape().elements())];
    for (int i = 0; i < values.length; i++) {
      values[i] = tensor.get(i);
    }
    return values;
  }

  private static void write(DeviceMemory memory, @Nullable Buffer target, double[] values) {
    if (target != null) {
      ByteBuffer floats = allocate((long) values.length * Float.BYTES);
      for (double value : values) {
        floats.putFloat((float) value);
      }
      memory.write(target.offset(), floats.rewind());
    }
  }

  private static ByteBuffer allocate(long bytes) {
    return ByteBuffer.allocateDirect(Math.toIntExact(bytes)).order(ByteOrder.LITTLE_ENDIAN);
  }

  @Override
  public Buffer weights(Operation operation) {
    return weights.get(operation.name());
  }

  @Override
  public Convolutions.Epilogue epilogue(
      Program program, FusedConv conv, @Nullable Buffer residual) {
    return new Convolutions.Epilogue(
        scales.get(conv.name()), biases.get(conv.name()), residual, conv.relu());
  }

  @Override
  public Buffer bias(Linear linear) {
    return biases.get(linear.name());
  }

  @Override
  public Gates.Weights gate(SqueezeExcite operation) {
    return new Gates.Weights(
        plain.get(operation.reduceWeight()),
        plain.get(operation.reduceBias()),
        plain.get(operation.expandWeight()),
        plain.get(operation.expandBias()));
  }
}
