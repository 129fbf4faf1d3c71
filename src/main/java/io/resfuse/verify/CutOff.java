package io.resfuse.verify;

import io.resfuse.engine.Precision;
import io.resfuse.tensor.Shape;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Whether what is stored is rounded to the nearest number. What is cut off instead errs by less
 * than a bound in the L2 norm shows, but always in the same direction: it is nearer to zero than
 * what the reference engine stores, which rounds. Differences of sums in another order have any
 * sign; as many of one sign as {@value #DEVIATIONS} standard deviations say are no accident.
 * Channels are counted by their place among eight, which kernels round by instructions of their
 * own; and positive and negative numbers must both err so: a gradient of a whole channel that is a
 * little larger, because a ReLU has switched, moves all of them in one direction.
 */
final class CutOff {
  private static final int PLACES = 8;

  private static final int LEAST = 24;

  /** The bits of a float that TF32 has not. */
  private static final int BEYOND_TF32 = 0x1FFF;

  private static final double DEVIATIONS = 6;

  /** Of so many elements, {@value #LEAST} would differ if an eighth of them could. */
  private static final int ENOUGH = 8 * LEAST;

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
        requireNumbers(precision, test, tensor, got.get(tensor), comparison);
        check(test, tensor, got.get(tensor), rounded.get(tensor), comparison);
      }
    }
  }

  static boolean rounds(Precision precision) {
    return precision != Precision.FP64 && precision != Precision.FP32;
  }

  /** What is handed over as float32 must still be what was stored: a number of the precision. */
  static void requireNumbers(
      Precision precision, VerifyCase test, String tensor, double[] got, Comparison comparison) {
    for (int i = 0; i < got.length; i++) {
      if (!isNumber(precision, got[i])) {
        comparison.fail(
            "%s at %s: got %s, which is no number of %s"
                .formatted(tensor, test.coordinate(tensor, i), got[i], precision));
        return;
      }
    }
  }

  /** Whether storing something in a precision left it as it is; of TF32 alone floats show it. */
  static boolean isNumber(Precision precision, double x) {
    return precision != Precision.TF32 || (Float.floatToRawIntBits((float) x) & BEYOND_TF32) == 0;
  }

  private static void check(
      VerifyCase test, String tensor, double[] got, double[] rounded, Comparison comparison) {
    Shape shape = test.shapeOf(tensor);
    int channels = shape.dimension(1);
    int plane = Math.toIntExact(shape.elements() / shape.dimension(0) / channels);
    Tally[] positive = tallies();
    Tally[] negative = tallies();
    for (int i = 0; i < got.length; i++) {
      if (rounded[i] != 0) {
        (rounded[i] > 0 ? positive : negative)
            [i / plane % channels % PLACES].add((got[i] - rounded[i]) * Math.signum(rounded[i]));
      }
    }
    for (int place = 0; place < PLACES; place++) {
      if (Tally.areCutOff(positive[place], negative[place])) {
        comparison.fail(
            "%s is cut off, not rounded: of channels %d, %d, ... %d elements differ, by %s together"
                .formatted(
                    tensor,
                    place,
                    place + PLACES,
                    positive[place].different + negative[place].different,
                    Comparison.number(positive[place].sum + negative[place].sum)));
        return;
      }
    }
  }

  private static Tally[] tallies() {
    Tally[] tallies = new Tally[PLACES];
    Arrays.setAll(tallies, place -> new Tally());
    return tallies;
  }

  /** By how much elements of one sign are larger than they should be. */
  private static final class Tally {
    private int all;
    private int different;
    private double sum;
    private double squares;

    void add(double larger) {
      if (Double.isFinite(larger)) {
        all++;
        different += larger == 0 ? 0 : 1;
        sum += larger;
        squares += larger * larger;
      }
    }

    /** Those of both signs together, and each sign of which there are enough to show it. */
    static boolean areCutOff(Tally positive, Tally negative) {
      return positive.different + negative.different >= LEAST
          && isNoAccident(
              positive.sum + negative.sum, positive.squares + negative.squares, DEVIATIONS)
          && positive.showsIt()
          && negative.showsIt();
    }

    private boolean showsIt() {
      return all < ENOUGH || isNoAccident(sum, squares, DEVIATIONS / 2);
    }

    private static boolean isNoAccident(double sum, double squares, double deviations) {
      return -sum > deviations * Math.sqrt(squares);
    }
  }
}
