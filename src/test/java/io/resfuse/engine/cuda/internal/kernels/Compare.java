package io.resfuse.engine.cuda.internal.kernels;

import java.util.Arrays;
import java.util.function.IntToDoubleFunction;

/** Compares what a kernel gave with what it should have given, element by element. */
final class Compare {
  /** Rounding error of one operation in fp32. */
  static final double UNIT = 0x1p-24;

  private Compare() {}

  /** Equal numbers; NaN equals NaN, and zeros of both signs are equal. */
  static void exact(String what, double[] got, double[] expected) {
    compare(what, got, expected, i -> 0);
    trustworthy(what, expected);
  }

  /** As {@link #exact}, where most results are meant to be zero. */
  static void exactlySparse(String what, double[] got, double[] expected) {
    compare(what, got, expected, i -> 0);
  }

  /**
   * Results of sums in fp32, rounded to a format.
   *
   * @param terms how many terms a sum has
   * @param magnitudes the sum of the terms' absolute values
   */
  static void sums(
      String what,
      Format format,
      double[] got,
      double[] expected,
      double terms,
      IntToDoubleFunction magnitudes) {
    compare(
        what,
        got,
        expected,
        i ->
            4 * UNIT * Math.sqrt(terms) * magnitudes.applyAsDouble(i)
                + format.unit() * Math.abs(expected[i]) * 1.001
                + format.tiny());
    trustworthy(what, expected);
  }

  private static void compare(
      String what, double[] got, double[] expected, IntToDoubleFunction tolerance) {
    if (got.length != expected.length) {
      throw new AssertionError(
          what + ": " + got.length + " elements instead of " + expected.length);
    }
    int wrong = 0;
    int first = -1;
    for (int i = 0; i < got.length; i++) {
      if (!agree(got[i], expected[i], tolerance.applyAsDouble(i))) {
        first = first < 0 ? i : first;
        wrong++;
      }
    }
    if (wrong > 0) {
      throw new AssertionError(
          String.format(
              "%s: %d of %d elements are wrong, the first at %d: got %s (%s), expected %s, tolerance %s",
              what,
              wrong,
              got.length,
              first,
              got[first],
              Double.toHexString(got[first]),
              expected[first],
              tolerance.applyAsDouble(first)));
    }
  }

  private static boolean agree(double got, double expected, double tolerance) {
    if (Double.isNaN(expected) || Double.isInfinite(expected)) {
      return Double.compare(got, expected) == 0;
    }
    return Math.abs(got - expected) <= tolerance;
  }

  /** A comparison of zeros says nothing. */
  private static void trustworthy(String what, double[] expected) {
    long zeros = Arrays.stream(expected).filter(x -> x == 0).count();
    if (2 * zeros > expected.length) {
      throw new AssertionError(
          what + ": " + zeros + " of " + expected.length + " expected values are zero: no test");
    }
  }
}
