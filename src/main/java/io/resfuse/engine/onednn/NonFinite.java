package io.resfuse.engine.onednn;

import java.nio.FloatBuffer;

/**
 * NaN where it belongs. oneDNN's ReLU turns NaN into 0, so that a broken image or a diverged
 * training would give an ordinary answer; so plans look for values that are not finite where they
 * enter (images, weights) or must show (statistics of batches), and make what depends on them NaN.
 */
final class NonFinite {
  private NonFinite() {}

  /** Whether a part of a buffer has a NaN or an infinity. */
  static boolean isIn(FloatBuffer values, int from, int to) {
    // Zero times a finite number is zero. Four sums, so that they need not wait for each other.
    float a = 0;
    float b = 0;
    float c = 0;
    float d = 0;
    int i = from;
    for (; i < to - 3; i += 4) {
      a += 0 * values.get(i);
      b += 0 * values.get(i + 1);
      c += 0 * values.get(i + 2);
      d += 0 * values.get(i + 3);
    }
    for (; i < to; i++) {
      a += 0 * values.get(i);
    }
    return a + b + c + d != 0;
  }

  /** Whether any is not finite. */
  static boolean isIn(FloatBuffer values) {
    return isIn(values, 0, values.capacity());
  }

  /** Overwrites a part of a buffer with NaN. */
  static void fill(FloatBuffer values, int from, int to) {
    for (int i = from; i < to; i++) {
      values.put(i, Float.NaN);
    }
  }
}
