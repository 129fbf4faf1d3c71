package io.resfuse.verify;

import io.resfuse.engine.Operation;
import io.resfuse.verify.Check.Status;
import java.util.function.IntToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * Gathers what a rung finds: the first miss in words, the largest share of what was allowed, and
 * whether most of an output was zero. Not thread-safe.
 */
final class Comparison {
  private final VerifyCase test;
  private @Nullable String miss;
  private @Nullable String doubt;
  private int misses;
  private double worst;

  Comparison(VerifyCase test) {
    this.test = test;
  }

  /** Holds every element within its own bound, and doubts expected values of zeros. */
  void elements(String tensor, double[] got, double[] expected, IntToDoubleFunction allowed) {
    doubtZeros(tensor, expected);
    special(tensor, got, expected, allowed);
  }

  /** Holds every element within its own bound. */
  void special(String tensor, double[] got, double[] expected, IntToDoubleFunction allowed) {
    for (int i = 0; i < expected.length; i++) {
      double error = error(got[i], expected[i]);
      double bound = allowed.applyAsDouble(i);
      if (bound > 0) {
        worst = Math.max(worst, Double.isNaN(error) ? Double.POSITIVE_INFINITY : error / bound);
      }
      if (!(error <= bound)) {
        miss(tensor, i, got[i], expected[i], "allowed " + number(bound));
        return;
      }
    }
  }

  /** Holds a tensor within a distance in the L2 norm. */
  void norm(String tensor, double[] got, double[] expected, double allowed) {
    doubtZeros(tensor, expected);
    if (allowed == Double.POSITIVE_INFINITY) {
      doubt(tensor + ": any error is allowed, since rounding alone overflows");
    }
    double distance = Tolerance.distance(got, expected);
    if (allowed > 0) {
      worst =
          Math.max(worst, Double.isNaN(distance) ? Double.POSITIVE_INFINITY : distance / allowed);
    }
    if (!(distance <= allowed)) {
      int at = outlier(got, expected, allowed / Math.sqrt(expected.length));
      miss(
          tensor,
          at,
          got[at],
          expected[at],
          "the tensor off by "
              + number(distance)
              + ", allowed "
              + number(allowed)
              + ", norm "
              + number(Tolerance.norm(expected)));
    }
  }

  /**
   * The first element off by more than six times the root mean square that is allowed; where all
   * are a little off, the one that is most.
   */
  private static int outlier(double[] got, double[] expected, double allowed) {
    int most = 0;
    for (int i = 0; i < expected.length; i++) {
      double error = error(got[i], expected[i]);
      if (!(error <= 6 * allowed)) {
        return i;
      }
      if (error > error(got[most], expected[most])) {
        most = i;
      }
    }
    return most;
  }

  /** Zero for the same infinity or NaN on both sides. */
  private static double error(double got, double expected) {
    return Double.compare(got, expected) == 0 ? 0 : Math.abs(got - expected);
  }

  private void miss(String tensor, int index, double got, double expected, String allowed) {
    misses++;
    if (miss == null) {
      miss =
          "%s at %s: got %s, expected %s, off by %s (%s)"
              .formatted(
                  tensor,
                  test.coordinate(tensor, index),
                  number(got),
                  number(expected),
                  number(Math.abs(got - expected)),
                  allowed);
    }
  }

  /** A miss that has no number. */
  void fail(String message) {
    misses++;
    if (miss == null) {
      miss = message;
    }
  }

  /** Something that makes a pass worth nothing. */
  void doubt(String message) {
    if (doubt == null) {
      doubt = message;
    }
  }

  /** Of outputs at most three in four may be zero; gradients of strided windows have more. */
  void doubtZeros(String tensor, double[] expected) {
    long zeros = 0;
    for (double value : expected) {
      zeros += value == 0 ? 1 : 0;
    }
    double most = tensor.equals(test.output()) ? 0.75 : 31.0 / 32;
    if (expected.length > 1 && zeros > most * expected.length && !isOftenZero(tensor)) {
      doubt(tensor + ": " + zeros + " of " + expected.length + " expected values are zero");
    }
  }

  /** Channels of zeros that a shortcut adds, and few elements, prove nothing either way. */
  private boolean isOftenZero(String tensor) {
    return test.shapeOf(tensor).elements() < 32
        || (tensor.equals(test.output())
            && test.network().operations().get(0) instanceof Operation.SubsampledIdentity);
  }

  boolean hasMissed() {
    return misses > 0;
  }

  Check check(Rung rung) {
    if (miss != null) {
      String more = misses > 1 ? "; " + (misses - 1) + " more tensors" : "";
      return new Check(rung, Status.MISSED, worst, miss + more);
    }
    return doubt == null
        ? new Check(rung, Status.PASSED, worst, "")
        : new Check(rung, Status.UNTRUSTWORTHY, worst, doubt);
  }

  static String number(double value) {
    return value == Math.rint(value) && Math.abs(value) < 1e6
        ? Long.toString((long) value)
        : "%.4g".formatted(value);
  }
}
