package io.resfuse.verify;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.tensor.HostTensor;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * Numbers that depend on a seed and a name only. Stateless.
 *
 * <p>Random images and weights have at most seven significant bits, so that every precision holds
 * them as they are and no error comes from rounding them.
 *
 * <p>Integers are so small, and weights so sparse (about {@value #TERMS} terms in the longest sum
 * of a convolution or its gradient), that every partial sum and every stored value is exact in
 * every precision, bf16 among them, which holds integers to 256.
 *
 * @param seed of everything
 */
record Fills(long seed) {
  private static final int TERMS = 40;

  private SplittableRandom random(String name) {
    return new SplittableRandom(seed * 0x9E3779B97F4A7C15L + name.hashCode());
  }

  /** Multiples of scale / 64 between -scale and scale. */
  float[] random(String name, long length, double scale) {
    SplittableRandom random = random(name);
    float[] array = new float[Math.toIntExact(length)];
    for (int i = 0; i < array.length; i++) {
      array[i] = (float) (scale * random.nextInt(-64, 65) / 64);
    }
    return array;
  }

  /** Integers from low to high, zeros but for a share of them. */
  float[] integers(String name, long length, int low, int high, double share) {
    SplittableRandom random = random(name);
    float[] array = new float[Math.toIntExact(length)];
    for (int i = 0; i < array.length; i++) {
      int integer = random.nextInt(low, high + 1);
      array[i] = share >= 1 || random.nextDouble() < share ? integer : 0;
    }
    return array;
  }

  /** A class for each image. */
  int[] labels(String name, int batch, int classes) {
    return random(name).ints(batch, 0, classes).toArray();
  }

  /**
   * Random parameters that keep activations near 1: weights of variance near 2 / inputs (He et al.
   * 2015), small gammas at the ends of residual branches.
   */
  Parameters random(NetworkSpec network) {
    Set<String> small = new HashSet<>();
    for (Operation operation : network.operations()) {
      if (operation instanceof Operation.FusedConv conv
          && conv.residual() != null
          && conv.batchNorm() != null) {
        small.add(conv.batchNorm().gamma().name());
      }
    }
    return fill(
        network,
        (spec, length) -> {
          double fanIn = (double) length / spec.shape().dimension(0);
          return switch (spec.role()) {
            case CONV_WEIGHT, LINEAR_WEIGHT ->
                random(spec.name(), length, powerOfTwo(Math.sqrt(6 / fanIn)));
            case CONV_BIAS, LINEAR_BIAS -> random(spec.name(), length, 0.125);
            case BN_GAMMA ->
                small.contains(spec.name())
                    ? shifted(random(spec.name(), length, 0.125), 0.3)
                    : shifted(random(spec.name(), length, 0.25), 0.75);
            case BN_BETA, BN_MEAN -> random(spec.name(), length, 0.25);
            case BN_VARIANCE -> shifted(random(spec.name(), length, 0.5), 1);
          };
        });
  }

  /** Small integers for a network without batch norms. */
  Parameters integers(NetworkSpec network) {
    return fill(
        network,
        (spec, length) -> {
          if (spec.shape().rank() == 1) {
            return integers(spec.name(), length, 0, 2, 1);
          }
          long taps = length / spec.shape().dimension(0) / spec.shape().dimension(1);
          double longest =
              (double) taps * Math.max(spec.shape().dimension(0), spec.shape().dimension(1));
          return integers(spec.name(), length, -1, 1, 1.5 * TERMS / longest);
        });
  }

  private interface Filler {
    float[] fill(ParameterSpec spec, long length);
  }

  private static Parameters fill(NetworkSpec network, Filler filler) {
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    for (ParameterSpec spec : network.parameters().values()) {
      float[] values = filler.fill(spec, spec.shape().elements());
      tensors.put(spec.name(), HostTensor.of(spec.shape(), values));
    }
    return new Parameters(network, tensors);
  }

  private static double powerOfTwo(double x) {
    return Math.scalb(1.0, (int) Math.rint(Math.log(x) / Math.log(2)));
  }

  private static float[] shifted(float[] array, double by) {
    for (int i = 0; i < array.length; i++) {
      array[i] += (float) by;
    }
    return array;
  }
}
