package io.resfuse.engine;

import java.util.Arrays;

/**
 * The weights of a convolution as integers of 8 bits with a scale per output channel, batch norm
 * folded in, and the float32 bias that results. Immutable: its arrays must not be changed.
 */
public final class QuantizedWeights {
  /** The largest magnitude of weights of 8 bits: their range is symmetric. */
  public static final int LARGEST = 127;

  /**
   * The largest magnitude of weights of 7 bits: two products of them with 255 fit into 16 bits,
   * where CPUs without VNNI add them.
   */
  public static final int LARGEST_REDUCED = 64;

  private final byte[] weights;
  private final float[] scales;
  private final float[] bias;

  /**
   * Takes arrays over.
   *
   * @param weights (out, in / groups, kernel, kernel), -127 to 127
   * @param scales of one step, per output channel; greater than 0
   * @param bias per output channel, in the units of activations
   * @throws IllegalArgumentException if lengths do not fit, or a number is out of range
   */
  public QuantizedWeights(byte[] weights, float[] scales, float[] bias) {
    if (scales.length == 0 || scales.length != bias.length || weights.length % scales.length != 0) {
      throw new IllegalArgumentException(
          weights.length
              + " weights, "
              + scales.length
              + " scales and "
              + bias.length
              + " biases do not belong together");
    }
    for (int c = 0; c < scales.length; c++) {
      if (!(scales[c] > 0 && Float.isFinite(scales[c]) && Float.isFinite(bias[c]))) {
        throw new IllegalArgumentException(
            "channel " + c + " has the scale " + scales[c] + " and the bias " + bias[c]);
      }
    }
    for (int i = 0; i < weights.length; i++) {
      if (weights[i] == Byte.MIN_VALUE) {
        throw new IllegalArgumentException("weight " + i + " is -128; the range is -127 to 127");
      }
    }
    this.weights = weights;
    this.scales = scales;
    this.bias = bias;
  }

  /**
   * The integers.
   *
   * @return (out, in / groups, kernel, kernel), shared
   */
  public byte[] weights() {
    return weights;
  }

  /**
   * The scales.
   *
   * @return one per output channel, shared
   */
  public float[] scales() {
    return scales;
  }

  /**
   * The bias, batch norm folded in.
   *
   * @return one per output channel, shared
   */
  public float[] bias() {
    return bias;
  }

  /**
   * Whether they have 7 bits.
   *
   * @return whether no magnitude is above {@link #LARGEST_REDUCED}
   */
  public boolean isReduced() {
    for (byte weight : weights) {
      if (Math.abs(weight) > LARGEST_REDUCED) {
        return false;
      }
    }
    return true;
  }

  /**
   * The same in 7 bits: half of each integer, rounded to the nearest (ties to even), and twice the
   * scales.
   *
   * @return this if it {@link #isReduced is reduced}
   */
  public QuantizedWeights reduced() {
    if (isReduced()) {
      return this;
    }
    byte[] halves = new byte[weights.length];
    for (int i = 0; i < halves.length; i++) {
      halves[i] = (byte) Math.rint(weights[i] / 2.0);
    }
    float[] doubled = scales.clone();
    for (int c = 0; c < doubled.length; c++) {
      doubled[c] *= 2;
    }
    return new QuantizedWeights(halves, doubled, bias);
  }

  /** Whether all numbers are the same. */
  @Override
  public boolean equals(Object other) {
    return other instanceof QuantizedWeights same
        && Arrays.equals(weights, same.weights)
        && Arrays.equals(scales, same.scales)
        && Arrays.equals(bias, same.bias);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(weights) + Arrays.hashCode(scales);
  }
}
