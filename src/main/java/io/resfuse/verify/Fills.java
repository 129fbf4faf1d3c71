package io.resfuse.verify;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.util.Arrays;
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
 * every precision, bf16 among them, which holds integers to 256. A prologue has them too: of as
 * many 1 as -1 in each channel the mean is 0 and the variance 1, which {@link OperationShape}'s
 * epsilon makes a deviation of 2, so gammas of 4 and odd betas give odd numbers. The gates of
 * squeeze and excitation are one half: the products with the means are 0, hidden values 1, and as
 * many 1 as -1 are added up to the logits.
 *
 * @param seed of everything
 */
record Fills(long seed) {
  private static final int TERMS = 40;

  /** What a convolution and its batch norm are called whose results are hardly larger than zero. */
  static final String FAINT = "faint";

  /** Of the results of such: their variance is about a batch norm's epsilon. */
  private static final double FAINTNESS = 0x1p-8;

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

  /** Such numbers, each divided by a power of two, so that few sums of them need no rounding. */
  float[] scattered(String name, long length) {
    float[] array = random(name, length, 1);
    SplittableRandom random = random(name + "/exponents");
    for (int i = 0; i < array.length; i++) {
      array[i] = Math.scalb(array[i], -random.nextInt(8));
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

  /** Bytes. */
  byte[] bytes(String name, long length) {
    byte[] bytes = new byte[Math.toIntExact(length)];
    random(name).nextBytes(bytes);
    return bytes;
  }

  /** As many 1 as -1 in each channel of an even number of pixels, in any order. */
  float[] balanced(String name, Shape shape) {
    SplittableRandom random = random(name);
    int plane = shape.dimension(2) * shape.dimension(3);
    int channels = shape.dimension(1);
    int pixels = shape.dimension(0) * plane;
    float[] array = new float[Math.toIntExact(shape.elements())];
    for (int c = 0; c < channels; c++) {
      int positive = pixels / 2;
      for (int left = pixels; left > 0; left--) {
        boolean isPositive = random.nextInt(left) < positive;
        positive -= isPositive ? 1 : 0;
        int pixel = left - 1;
        int at = (pixel / plane * channels + c) * plane + pixel % plane;
        array[at] = isPositive ? 1 : -1;
      }
    }
    return array;
  }

  /** A distribution over classes for each image: of two classes, and of all in every other row. */
  float[] targets(String name, int batch, int classes) {
    SplittableRandom random = random(name);
    float[] targets = new float[Math.toIntExact((long) batch * classes)];
    for (int n = 0; n < batch; n++) {
      float share = random.nextInt(1, 64) / 64f;
      int first = random.nextInt(classes);
      int second = (first + 1 + random.nextInt(classes - 1)) % classes;
      float all = n % 2 == 0 ? 0 : 0.25f;
      Arrays.fill(targets, n * classes, (n + 1) * classes, all / classes);
      targets[n * classes + first] += (1 - all) * share;
      targets[n * classes + second] += (1 - all) * (1 - share);
    }
    return targets;
  }

  /** So many classes. */
  int[] labels(String name, int count, int classes) {
    return random(name).ints(count, 0, classes).toArray();
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
          double unit = spec.name().startsWith(FAINT) ? FAINTNESS : 1;
          return switch (spec.role()) {
            case CONV_WEIGHT, LINEAR_WEIGHT, GATE_WEIGHT ->
                random(spec.name(), length, unit * powerOfTwo(Math.sqrt(6 / fanIn)));
            case CONV_BIAS, LINEAR_BIAS, GATE_BIAS -> random(spec.name(), length, unit * 0.125);
            case BN_GAMMA ->
                small.contains(spec.name())
                    ? affine(random(spec.name(), length, 0.125), 1, 0.3)
                    : affine(random(spec.name(), length, 0.25), 1, 0.75);
            case BN_BETA -> random(spec.name(), length, 0.25);
            case BN_MEAN -> random(spec.name(), length, unit * 0.25);
            case BN_VARIANCE -> {
              double variance = unit < 1 ? unit * unit / 2 : 1;
              yield affine(random(spec.name(), length, 0.5), variance, variance);
            }
          };
        });
  }

  /** Small integers. */
  Parameters integers(NetworkSpec network) {
    return fill(
        network,
        (spec, length) ->
            switch (spec.role()) {
              case CONV_WEIGHT, LINEAR_WEIGHT -> {
                int outputs = spec.shape().dimension(0);
                int inputs = spec.shape().dimension(1);
                double longest = (double) length / outputs / inputs * Math.max(outputs, inputs);
                yield integers(spec.name(), length, -1, 1, 1.5 * TERMS / longest);
              }
              case GATE_WEIGHT ->
                  spec.shape().dimension(0) < spec.shape().dimension(1)
                      ? new float[Math.toIntExact(length)]
                      : alternating(spec.shape().dimension(0), spec.shape().dimension(1));
              case GATE_BIAS -> affine(new float[Math.toIntExact(length)], 0, gateBias(spec));
              case CONV_BIAS, LINEAR_BIAS -> integers(spec.name(), length, 0, 2, 1);
              case BN_GAMMA -> affine(integers(spec.name(), length, 0, 1, 1), 8, -4);
              case BN_BETA -> affine(integers(spec.name(), length, -1, 1, 1), 2, 1);
              case BN_MEAN -> new float[Math.toIntExact(length)];
              case BN_VARIANCE -> affine(new float[Math.toIntExact(length)], 0, 1);
            });
  }

  private interface Filler {
    float[] fill(ParameterSpec spec, long length);
  }

  private static Parameters fill(NetworkSpec network, Filler filler) {
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    for (ParameterSpec spec : network.parameters().values()) {
      float[] values =
          spec.name().equals(OperationShape.BEFORE + ".weight")
              ? permutation(spec.shape().dimension(0), spec.shape().dimension(1))
              : filler.fill(spec, spec.shape().elements());
      tensors.put(spec.name(), HostTensor.of(spec.shape(), values));
    }
    return new Parameters(network, tensors);
  }

  /** Rows of 1 and -1 in turn, the first of which changes from row to row; their sums are 0. */
  private static float[] alternating(int rows, int columns) {
    float[] weight = new float[rows * columns];
    for (int i = 0; i < weight.length; i++) {
      boolean isPaired = columns % 2 == 0 || i % columns < columns - 1;
      weight[i] = !isPaired ? 0 : (i / columns + i % columns) % 2 == 0 ? 1 : -1;
    }
    return weight;
  }

  /** Hidden values are 1, so that logits are 0 and gates one half. */
  private static float gateBias(ParameterSpec spec) {
    return spec.name().endsWith("fc1.bias") ? 1 : 0;
  }

  /** Each channel becomes the next of its group. */
  private static float[] permutation(int channels, int group) {
    float[] weight = new float[channels * group];
    for (int c = 0; c < channels; c++) {
      weight[c * group + (c + 1) % group] = 1;
    }
    return weight;
  }

  private static double powerOfTwo(double x) {
    return Math.scalb(1.0, (int) Math.rint(Math.log(x) / Math.log(2)));
  }

  private static float[] affine(float[] array, double scale, double shift) {
    for (int i = 0; i < array.length; i++) {
      array[i] = (float) (scale * array[i] + shift);
    }
    return array;
  }
}
