package io.resfuse.engine.reference;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.tensor.HostTensor;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The parameters of a network in double precision, and their gradients. */
final class ParameterStore {
  private final Rounding rounding;
  private final Map<String, double[]> masters = new LinkedHashMap<>();
  private final Map<String, double[]> rounded = new LinkedHashMap<>();
  private final Map<String, double[]> gradients = new LinkedHashMap<>();

  /** A copy of parameters, without gradients. */
  ParameterStore(NetworkSpec network, Parameters parameters, Rounding rounding) {
    this(network, rounding);
    for (ParameterSpec spec : network.parameters().values()) {
      copy(parameters.get(spec), get(spec));
    }
    refreshRounded();
  }

  /** Zeros, without gradients. */
  ParameterStore(NetworkSpec network, Rounding rounding) {
    this.rounding = rounding;
    for (ParameterSpec spec : network.parameters().values()) {
      int length = Math.toIntExact(spec.shape().elements());
      masters.put(spec.name(), new double[length]);
      if (isRounded(spec, rounding)) {
        rounded.put(spec.name(), new double[length]);
      }
    }
  }

  /** Whether an engine of the precision stores a second, rounded copy for its products. */
  static boolean isRounded(ParameterSpec spec, Rounding rounding) {
    return rounding != Rounding.FP64
        && switch (spec.role()) {
          case CONV_WEIGHT, LINEAR_WEIGHT -> true;
          case CONV_BIAS,
              BN_GAMMA,
              BN_BETA,
              BN_MEAN,
              BN_VARIANCE,
              LINEAR_BIAS,
              GATE_WEIGHT,
              GATE_BIAS ->
              false;
        };
  }

  void addGradient(ParameterSpec spec) {
    gradients.put(spec.name(), new double[get(spec).length]);
  }

  /** The parameter itself. */
  double[] get(ParameterSpec spec) {
    return masters.get(spec.name());
  }

  /** The parameter as products use it. */
  double[] rounded(ParameterSpec spec) {
    double[] copy = rounded.get(spec.name());
    return copy == null ? get(spec) : copy;
  }

  /** Its gradient, null if it has none. */
  double @Nullable [] gradient(ParameterSpec spec) {
    return gradients.get(spec.name());
  }

  /** All gradients, in the network's order. */
  Map<String, double[]> gradients() {
    return gradients;
  }

  /** Must be called after masters changed. */
  void refreshRounded() {
    rounded.forEach(
        (name, copy) -> {
          double[] master = masters.get(name);
          System.arraycopy(master, 0, copy, 0, copy.length);
          rounding.round(copy);
        });
  }

  static void copy(HostTensor source, double[] target) {
    for (int i = 0; i < target.length; i++) {
      target[i] = source.get(i);
    }
  }

  static void copy(double[] source, HostTensor target) {
    for (int i = 0; i < source.length; i++) {
      target.set(i, (float) source[i]);
    }
  }

  /** The bytes of all arrays. */
  long bytes() {
    return MemoryEstimate.bytes(masters.values())
        + MemoryEstimate.bytes(rounded.values())
        + MemoryEstimate.bytes(gradients.values());
  }
}
