package io.resfuse.engine;

import io.resfuse.tensor.HostTensor;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Weights, images and labels made by a formula that {@code torchvision/make_expected.py} shares, so
 * that neither has to be stored.
 *
 * <p>Element i of an array called {@code name} is drawn from {@code z = splitmix64(fnv1a64(name) +
 * (i + 1) golden)}: {@code c = ((z >>> 40) - 2^23) / 2^23}, uniform in [-1, 1) and exact in
 * float32. Then, computed in double and rounded to float32 once:
 *
 * <ul>
 *   <li>convolution weights {@code c sqrt(6 / fanIn)} (He et al. 2015, variance 2 / fanIn); linear
 *       weights {@code c sqrt(3 / fanIn)}; biases {@code c / 10};
 *   <li>gamma {@code 3/4 + c/4}, but {@code 0.3 + c/10} at the end of a bottleneck (else ResNet-50
 *       amplifies the rounding of float32 to more than 1e-5), beta {@code c / 4}, running mean
 *       {@code c / 4}, running variance {@code 1 + c/2};
 *   <li>images {@code 2 c}; the label of image n is {@code z mod classes}, unsigned.
 * </ul>
 */
public final class TestData {
  private static final long GOLDEN = 0x9E3779B97F4A7C15L;

  private TestData() {}

  /** The 64 bits of an element. */
  public static long bits(long seed, long index) {
    long z = seed + (index + 1) * GOLDEN;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  /** FNV-1a of the name's UTF-8 bytes. */
  public static long seed(String name) {
    long hash = 0xCBF29CE484222325L;
    for (byte b : name.getBytes(StandardCharsets.UTF_8)) {
      hash = (hash ^ (b & 0xFF)) * 0x100000001B3L;
    }
    return hash;
  }

  /** An element in [-1, 1). */
  public static double unit(long seed, long index) {
    return ((bits(seed, index) >>> 40) - 0x1p23) * 0x1p-23;
  }

  /** {@code offset + scale c} for every element. */
  public static float[] fill(String name, int length, double offset, double scale) {
    long seed = seed(name);
    float[] array = new float[length];
    for (int i = 0; i < length; i++) {
      array[i] = (float) (offset + scale * unit(seed, i));
    }
    return array;
  }

  /** All parameters of a network. */
  public static Parameters parameters(NetworkSpec network) {
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    for (ParameterSpec spec : network.parameters().values()) {
      tensors.put(spec.name(), HostTensor.of(spec.shape(), parameter(spec)));
    }
    return new Parameters(network, tensors);
  }

  private static float[] parameter(ParameterSpec spec) {
    int length = (int) spec.shape().elements();
    int fanIn = length / spec.shape().dimension(0);
    return switch (spec.role()) {
      case CONV_WEIGHT, GATE_WEIGHT -> fill(spec.name(), length, 0, Math.sqrt(6.0 / fanIn));
      case LINEAR_WEIGHT -> fill(spec.name(), length, 0, Math.sqrt(3.0 / fanIn));
      case CONV_BIAS, LINEAR_BIAS, GATE_BIAS -> fill(spec.name(), length, 0, 0.1);
      case BN_GAMMA ->
          spec.name().endsWith(".bn3.weight")
              ? fill(spec.name(), length, 0.3, 0.1)
              : fill(spec.name(), length, 0.75, 0.25);
      case BN_BETA, BN_MEAN -> fill(spec.name(), length, 0, 0.25);
      case BN_VARIANCE -> fill(spec.name(), length, 1, 0.5);
    };
  }

  /** Images in NCHW order. */
  public static float[] images(String name, int length) {
    return fill(name, length, 0, 2);
  }

  /** Labels. */
  public static int[] labels(String name, int batch, int classes) {
    int[] labels = new int[batch];
    for (int n = 0; n < batch; n++) {
      labels[n] = (int) Long.remainderUnsigned(bits(seed(name), n), classes);
    }
    return labels;
  }

  /** Puts an array at a buffer's beginning. */
  public static void put(float[] source, FloatBuffer target) {
    target.duplicate().clear().put(source);
  }
}
