package io.resfuse.engine;

/**
 * How an activation is stored as integers from 0 to 255: {@code real = (stored - zeroPoint) scale}.
 * Zero is stored exactly. What a ReLU ends has zero point 0. What may be negative gets {@link
 * #MIDDLE} here, and any other from files of others.
 *
 * @param scale of one step, greater than 0
 * @param zeroPoint the integer that 0 is stored as, 0 to 255
 */
public record Encoding(float scale, int zeroPoint) {
  /** The largest integer that is stored. */
  public static final int LARGEST = 255;

  /** The zero point of values that may be negative, by {@link #of}. */
  public static final int MIDDLE = 128;

  /**
   * Checks the ranges.
   *
   * @param scale as in the record
   * @param zeroPoint as in the record
   */
  public Encoding {
    if (!(scale > 0 && Float.isFinite(scale) && Float.isFinite(1 / scale))) {
      throw new IllegalArgumentException(
          "the scale of an activation must be greater than 0 and finite, got " + scale);
    }
    if (zeroPoint < 0 || zeroPoint > LARGEST) {
      throw new IllegalArgumentException("a zero point is 0 to 255, got " + zeroPoint);
    }
  }

  /**
   * By the largest magnitude that can be stored.
   *
   * @param threshold greater than 0
   * @param signed whether values may be negative
   * @return steps of threshold / 255, or of threshold / 127
   */
  public static Encoding of(double threshold, boolean signed) {
    return new Encoding((float) (threshold / steps(signed)), signed ? MIDDLE : 0);
  }

  /**
   * The steps from zero to the largest value.
   *
   * @param signed whether there are negative values
   * @return 127 or 255
   */
  public static int steps(boolean signed) {
    return signed ? LARGEST - MIDDLE : LARGEST;
  }

  /**
   * What values are multiplied by to be stored.
   *
   * @return 1 / scale, rounded to float32
   */
  public float inverse() {
    return 1 / scale;
  }

  /**
   * Stores a value: multiplied by {@link #inverse}, the zero point added, each rounded to float32,
   * then rounded to the nearest integer (ties to even) and limited to 0 to 255.
   *
   * @param real not NaN
   * @return 0 to 255
   */
  public int encode(float real) {
    return saturate(real * inverse() + zeroPoint);
  }

  /**
   * The nearest integer (ties to even) from 0 to 255.
   *
   * @param units in steps, the zero point added
   * @return 0 to 255
   */
  public static int saturate(float units) {
    return (int) Math.max(0, Math.min(LARGEST, Math.rint(units)));
  }

  /**
   * The value of an integer.
   *
   * @param stored 0 to 255
   * @return rounded to float32
   */
  public float decode(int stored) {
    return (stored - zeroPoint) * scale;
  }
}
