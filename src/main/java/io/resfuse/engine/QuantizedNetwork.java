package io.resfuse.engine;

import io.resfuse.engine.Operation.AveragePool;
import io.resfuse.engine.Operation.BilinearResize;
import io.resfuse.engine.Operation.Concat;
import io.resfuse.engine.Operation.Convert;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.GlobalAveragePool;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.Operation.SubsampledIdentity;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A network as it is computed in int8: each value is either float32 or has one {@link Encoding},
 * and {@link Convert} stands wherever an operation wants the other. A convolution with integer
 * weights w of the scales v computes, for output channel c,
 *
 * <pre>{@code
 * sum    = sum of w (x - zeroPoint of x)                      exact, in 32 bits
 * y      = sum m[c] + b[c]                                    two roundings to float32
 * y      = fma(r, p, y)                                       if there is a residual r, one rounding
 * y      = max(0, y)                                          if there is a ReLU
 * output = the nearest integer to y, ties to even, limited to 0 to 255; or y where it is float32
 *
 * m[c]   = scale of x v[c] / scale of output                  rounded to float32 once
 * p      = scale of r / scale of output                       likewise
 * b[c]   = bias[c] / scale of output + zeroPoint of output - p zeroPoint of r
 * }</pre>
 *
 * where the scale of a float32 output is 1 and its zero point 0. Maximum and subsampling copy
 * integers; an average of squares is the nearest integer to the mean, ties to even. The global
 * average, squeeze and excitation and linear layers compute in float32. Immutable and thread-safe.
 */
public final class QuantizedNetwork {
  private final NetworkSpec network;
  private final Quantization quantization;
  private final Map<Value, Encoding> encodings;

  private QuantizedNetwork(
      NetworkSpec network, Quantization quantization, Map<Value, Encoding> encodings) {
    this.network = network;
    this.quantization = quantization;
    this.encodings = encodings;
  }

  /** What a convolution does to its sums, in the steps of its output. Immutable. */
  public static final class Epilogue {
    private final float[] multiplier;
    private final float[] bias;
    private final float residual;

    private Epilogue(float[] multiplier, float[] bias, float residual) {
      this.multiplier = multiplier;
      this.bias = bias;
      this.residual = residual;
    }

    /**
     * What sums are multiplied by.
     *
     * @return m, per output channel; shared, not to be changed
     */
    public float[] multiplier() {
      return multiplier;
    }

    /**
     * What is added then.
     *
     * @return b, per output channel; shared, not to be changed
     */
    public float[] bias() {
      return bias;
    }

    /**
     * What the residual is multiplied by.
     *
     * @return p; 0 without a residual
     */
    public float residual() {
      return residual;
    }
  }

  /**
   * Puts conversions into a network, or into the part of one that leads to the outputs wanted: what
   * is computed of a value does not depend on what else is.
   *
   * @param network whose
   * @param quantization of the network or of one that this is a part of
   * @return the same values under the same names, and conversions
   * @throws EngineException if the quantisation is not one of this network
   */
  public static QuantizedNetwork of(NetworkSpec network, Quantization quantization) {
    return new Lowering(network, quantization).lower();
  }

  /**
   * The names of the values that need an {@link Encoding} if some convolutions have integer
   * weights.
   *
   * @param network whose
   * @param quantized the names of these convolutions
   * @return in the order in which they are written
   */
  public static Set<String> encodedValues(NetworkSpec network, Set<String> quantized) {
    Map<Value, Boolean> wanted = wanted(network, quantized);
    Set<String> names = new LinkedHashSet<>();
    if (wanted.getOrDefault(network.input(), false)) {
      names.add(network.input().name());
    }
    Set<Value> stored = new LinkedHashSet<>();
    for (Operation operation : network.operations()) {
      Value output = operation.output();
      boolean wants = wanted.getOrDefault(output, false);
      if (operation instanceof FusedConv conv && quantized.contains(conv.name())) {
        if (wants || conv.residual() != null) {
          stored.add(output);
          names.add(output.name());
        }
      } else if (passesOn(operation)) {
        if (stored.contains(operation.inputs().get(0))) {
          stored.add(output);
        } else if (readBy(network, quantized, output)) {
          names.add(output.name());
        }
      } else if (readBy(network, quantized, output)) {
        names.add(output.name());
      }
    }
    return names;
  }

  /** Whether a convolution of integers reads a value, directly. */
  private static boolean readBy(NetworkSpec network, Set<String> quantized, Value value) {
    return network.operations().stream()
        .anyMatch(
            operation ->
                operation instanceof FusedConv conv
                    && quantized.contains(conv.name())
                    && conv.inputs().contains(value));
  }

  /** Which values a convolution of integers reads, directly or as they are passed on. */
  private static Map<Value, Boolean> wanted(NetworkSpec network, Set<String> quantized) {
    Map<Value, Boolean> wanted = new HashMap<>();
    for (int i = network.operations().size() - 1; i >= 0; i--) {
      Operation operation = network.operations().get(i);
      boolean wants =
          passesOn(operation)
              ? wanted.getOrDefault(operation.output(), false)
              : operation instanceof FusedConv conv && quantized.contains(conv.name());
      operation.inputs().forEach(in -> wanted.merge(in, wants, Boolean::logicalOr));
    }
    return wanted;
  }

  private static boolean passesOn(Operation operation) {
    return operation instanceof MaxPool
        || operation instanceof AveragePool
        || operation instanceof SubsampledIdentity;
  }

  /**
   * The network with conversions.
   *
   * @return its operations are in an order in which they can run
   */
  public NetworkSpec network() {
    return network;
  }

  /**
   * How a value of {@link #network} is stored.
   *
   * @param value which
   * @return null if it is float32
   */
  public @Nullable Encoding encoding(Value value) {
    return encodings.get(value);
  }

  /**
   * The weights of a convolution.
   *
   * @param conv of {@link #network}
   * @return null if it computes in float32
   */
  public @Nullable QuantizedWeights weights(FusedConv conv) {
    return quantization.weights().get(conv.name());
  }

  /**
   * What follows on a convolution's sums.
   *
   * @param conv of {@link #network}, with integer weights
   * @return the numbers of the formulas above
   */
  public Epilogue epilogue(FusedConv conv) {
    QuantizedWeights weights = quantization.weights().get(conv.name());
    Encoding in = encodings.get(conv.input());
    Encoding out = encodings.get(conv.output());
    Encoding added = conv.residual() == null ? null : encodings.get(conv.residual());
    double step = out == null ? 1 : out.scale();
    float residual = added == null ? 0 : (float) (added.scale() / step);
    double shift =
        (out == null ? 0 : out.zeroPoint())
            - (added == null ? 0 : (double) residual * added.zeroPoint());
    float[] multiplier = new float[weights.scales().length];
    float[] bias = new float[multiplier.length];
    for (int c = 0; c < multiplier.length; c++) {
      multiplier[c] = (float) ((double) in.scale() * weights.scales()[c] / step);
      bias[c] = (float) (weights.bias()[c] / step + shift);
    }
    return new Epilogue(multiplier, bias, residual);
  }

  /**
   * How a convolution's sum is stored where it is rounded before its residual is added, as ONNX
   * Runtime's quantiser has it; our engines do not do that. The step is as small as can be without
   * cutting off anything that shows in the result: beyond the range, the result is beyond its own,
   * whatever is added.
   *
   * @param conv of {@link #network}, with integer weights and a residual
   * @return its zero point is {@link Encoding#MIDDLE}
   */
  public Encoding beforeAdd(FusedConv conv) {
    Encoding result = encodings.get(conv.output());
    Encoding residual = encodings.get(conv.residual());
    double above = largest(result) - least(residual);
    double below = largest(residual) - least(result);
    double step = Math.max(above / (Encoding.LARGEST - Encoding.MIDDLE), below / Encoding.MIDDLE);
    return new Encoding((float) step, Encoding.MIDDLE);
  }

  private static double largest(Encoding encoding) {
    return (Encoding.LARGEST - encoding.zeroPoint()) * (double) encoding.scale();
  }

  private static double least(Encoding encoding) {
    return -encoding.zeroPoint() * (double) encoding.scale();
  }

  /** Builds one network. */
  private static final class Lowering {
    private final NetworkSpec source;
    private final Quantization quantization;
    private final List<Value> values;
    private final List<Operation> operations = new ArrayList<>();
    private final Map<Value, Encoding> encodings = new HashMap<>();

    /** What conversions have made, so that each is made once. */
    private final Map<Value, Value> stored = new HashMap<>();

    private final Map<Value, Value> decoded = new HashMap<>();

    Lowering(NetworkSpec source, Quantization quantization) {
      this.source = source;
      this.quantization = quantization;
      this.values = new ArrayList<>(source.values());
    }

    QuantizedNetwork lower() {
      Value input = source.input();
      boolean onlyIntegers =
          source.operations().stream()
              .filter(operation -> operation.inputs().contains(input))
              .allMatch(operation -> operation instanceof FusedConv conv && isQuantized(conv));
      if (onlyIntegers && quantization.encodings().containsKey(input.name())) {
        encodings.put(input, quantization.encodings().get(input.name()));
      }
      for (int i = 0; i < source.operations().size(); i++) {
        lower(source.operations().get(i), i);
      }
      NetworkSpec network =
          new NetworkSpec(
              source.name(), input, values, operations, new LinkedHashMap<>(source.outputs()));
      return new QuantizedNetwork(network, quantization, encodings);
    }

    private boolean isQuantized(FusedConv conv) {
      return quantization.weights().containsKey(conv.name());
    }

    private void lower(Operation operation, int at) {
      if (operation instanceof FusedConv conv) {
        operations.add(isQuantized(conv) ? integers(conv, at) : floats(conv));
      } else if (operation instanceof SubsampledIdentity identity) {
        boolean copies = zeroPoint(identity.input()) == 0;
        Value in = copies ? identity.input() : asFloat(identity.input());
        passOn(in, identity.output());
        operations.add(
            new SubsampledIdentity(
                identity.name(),
                in,
                identity.stride(),
                identity.channelsBefore(),
                identity.output()));
      } else if (passesOn(operation)) {
        passOn(operation.inputs().get(0), operation.output());
        operations.add(operation);
      } else if (operation instanceof BilinearResize resize) {
        operations.add(
            new BilinearResize(
                resize.name(), asFloat(resize.input()), resize.like(), resize.output()));
      } else if (operation instanceof Concat concat) {
        List<Value> inputs = concat.inputs().stream().map(this::asFloat).toList();
        operations.add(new Concat(concat.name(), inputs, concat.output()));
      } else if (operation instanceof GlobalAveragePool pool) {
        operations.add(new GlobalAveragePool(pool.name(), asFloat(pool.input()), pool.output()));
      } else if (operation instanceof SqueezeExcite gating) {
        Value residual = gating.residual();
        operations.add(
            new SqueezeExcite(
                gating.name(),
                asFloat(gating.input()),
                gating.reduceWeight(),
                gating.reduceBias(),
                gating.expandWeight(),
                gating.expandBias(),
                residual == null ? null : asFloat(residual),
                gating.relu(),
                gating.output()));
      } else if (operation instanceof Linear linear) {
        operations.add(
            new Linear(
                linear.name(),
                asFloat(linear.input()),
                linear.weight(),
                linear.bias(),
                linear.output()));
      } else {
        throw new EngineException("int8: no implementation of " + operation.getClass());
      }
    }

    private int zeroPoint(Value value) {
      Encoding encoding = encodings.get(value);
      return encoding == null ? 0 : encoding.zeroPoint();
    }

    private void passOn(Value in, Value out) {
      Encoding encoding = encodings.get(in);
      if (encoding != null) {
        encodings.put(out, encoding);
      }
    }

    private FusedConv floats(FusedConv conv) {
      Value residual = conv.residual();
      return with(
          conv, asFloat(conv.input()), residual == null ? null : asFloat(residual), conv.output());
    }

    private FusedConv integers(FusedConv conv, int at) {
      check(conv);
      Encoding encoding = quantization.encodings().get(conv.output().name());
      Value input = asIntegers(conv.input());
      Value residual = conv.residual();
      if (residual != null) {
        residual = asIntegers(residual);
        // Its place will be the result's: what somebody else reads is copied.
        if (residual.equals(input) || isReadAfter(conv.residual(), at)) {
          residual = convert(residual, "residual of " + conv.name(), encodings.get(residual));
        }
      }
      if (encoding != null) {
        encodings.put(conv.output(), encoding);
      }
      return with(conv, input, residual, conv.output());
    }

    private void check(FusedConv conv) {
      QuantizedWeights weights = quantization.weights().get(conv.name());
      Encoding encoding = quantization.encodings().get(conv.output().name());
      boolean fits =
          weights.weights().length == conv.weight().shape().elements()
              && weights.scales().length == conv.output().channels()
              && (encoding != null || conv.residual() == null)
              && (encoding == null || !conv.relu() || encoding.zeroPoint() == 0);
      if (!fits) {
        throw new EngineException(
            source.name()
                + ": the integers of "
                + conv.name()
                + " do not fit its shape, its residual or its ReLU; quantise the weights again");
      }
    }

    private boolean isReadAfter(Value value, int at) {
      return source.outputs().containsValue(value)
          || source.operations().subList(at + 1, source.operations().size()).stream()
              .anyMatch(operation -> operation.inputs().contains(value));
    }

    private static FusedConv with(
        FusedConv conv, Value input, @Nullable Value residual, Value output) {
      return new FusedConv(
          conv.name(),
          input,
          conv.window(),
          conv.groups(),
          conv.weight(),
          conv.bias(),
          conv.batchNorm(),
          residual,
          conv.relu(),
          output);
    }

    private Value asFloat(Value value) {
      return encodings.containsKey(value)
          ? decoded.computeIfAbsent(value, v -> convert(v, "float32 of " + v.name(), null))
          : value;
    }

    private Value asIntegers(Value value) {
      if (encodings.containsKey(value)) {
        return value;
      }
      return stored.computeIfAbsent(
          value,
          v -> {
            Encoding encoding = quantization.encodings().get(v.name());
            if (encoding == null) {
              throw new EngineException(
                  source.name()
                      + ": there is no scale for the value "
                      + v.name()
                      + "; quantise the weights again");
            }
            return convert(v, "int8 of " + v.name(), encoding);
          });
    }

    private Value convert(Value value, String name, @Nullable Encoding encoding) {
      Value result = new Value(values.size(), name, value.channels(), value.isFlat());
      values.add(result);
      operations.add(new Convert(name, value, result));
      if (encoding != null) {
        encodings.put(result, encoding);
      }
      return result;
    }
  }
}
