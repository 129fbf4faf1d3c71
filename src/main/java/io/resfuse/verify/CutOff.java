package io.resfuse.verify;

import io.resfuse.engine.Precision;
import io.resfuse.tensor.Shape;
import java.util.List;
import java.util.Map;

/**
 * Whether what is stored is rounded to the nearest number. What is cut off instead errs by less
 * than a bound in the L2 norm shows, but always in the same direction: it is nearer to zero than
 * what the reference engine stores, which rounds. Differences of sums in another order have any
 * sign; as many of one sign as {@value #DEVIATIONS} standard deviations say are no accident.
 * Channels are counted by their place among eight, which kernels round by instructions of their
 * own.
 */
final class CutOff {
  private static final int PLACES = 8;

  private static final int LEAST = 24;

  private static final double DEVIATIONS = 6;

  private CutOff() {}

  /**
   * Adds what it finds.
   *
   * @param rounded what the reference engine gives in the precision
   */
  static void check(
      Contest contest,
      VerifyCase test,
      Map<String, double[]> got,
      Map<String, double[]> rounded,
      Comparison comparison) {
    Precision precision = contest.subject().precision();
    if (test.level() != Level.EDGES || !rounds(precision)) {
      return;
    }
    for (String tensor : List.of(test.output(), Names.INPUT_GRADIENT)) {
      if (rounded.containsKey(tensor)) {
        check(test, tensor, got.get(tensor), rounded.get(tensor), comparison);
      }
    }
  }

  static boolean rounds(Precision precision) {
    return precision != Precision.FP64 && precision != Precision.FP32;
  }

  private static void check(
      VerifyCase test, String tensor, double[] got, double[] rounded, Comparison comparison) {
    Shape shape = test.shapeOf(tensor);
    int channels = shape.dimension(1);
    int plane = Math.toIntExact(shape.elements() / shape.dimension(0) / channels);
    int[] off = new int[PLACES];
    double[] sum = new double[PLACES];
    double[] squares = new double[PLACES];
    for (int i = 0; i < got.length; i++) {
      double larger = (got[i] - rounded[i]) * Math.signum(rounded[i]);
      if (larger != 0 && Double.isFinite(larger)) {
        int place = i / plane % channels % PLACES;
        off[place]++;
        sum[place] += larger;
        squares[place] += larger * larger;
      }
    }
    for (int place = 0; place < PLACES; place++) {
      if (off[place] >= LEAST && -sum[place] > DEVIATIONS * Math.sqrt(squares[place])) {
        comparison.fail(
            "%s is cut off, not rounded: of channels %d, %d, ... %d elements differ, by %s together"
                .formatted(
                    tensor, place, place + PLACES, off[place], Comparison.number(sum[place])));
        return;
      }
    }
  }
}
