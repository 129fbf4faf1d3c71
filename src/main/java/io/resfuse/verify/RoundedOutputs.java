package io.resfuse.verify;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.tensor.HostTensor;

/**
 * Sums of integers that float32 has and the precision has not: what a convolution stores must be a
 * nearest number that it has, either one of two that are as near. What is cut off instead errs by
 * less than bounds on random numbers show.
 */
final class RoundedOutputs {
  /** With images to 255, puts most sums beyond the 2048 up to which a half has all integers. */
  private static final float LARGEST_WEIGHT = 5;

  private RoundedOutputs() {}

  /** Adds what it finds; nothing where another operation, or float32's statistics, come last. */
  static void check(Contest contest, VerifyCase test, NetworkSpec exact, Comparison comparison) {
    Precision precision = contest.subject().precision();
    if (!CutOff.rounds(precision)
        || !test.isOperation()
        || test.hasPrologue()
        || !(exact.operations().get(exact.operations().size() - 1)
            instanceof Operation.FusedConv conv)) {
      return;
    }
    Parameters parameters = contest.fills().integers(exact);
    HostTensor weight = parameters.get(conv.weight());
    for (int i = 0; i < weight.shape().elements(); i++) {
      weight.set(i, LARGEST_WEIGHT * weight.get(i));
    }
    float[] images = Drive.large(contest.fills(), test).images();
    double[] sums =
        known(contest, contest.yardstick().in(Precision.FP64), test, exact, parameters, images);
    double[] rounded =
        known(contest, contest.yardstick().in(precision), test, exact, parameters, images);
    double[] got = InferencePass.once(contest.subject(), test, exact, parameters, images);
    for (int i = 0; i < got.length; i++) {
      boolean isNearest = Math.abs(got[i] - sums[i]) <= Math.abs(rounded[i] - sums[i]);
      if (!CutOff.isNumber(precision, got[i]) || !isNearest) {
        comparison.fail(
            "%s at %s: got %s for a sum of %s, which rounds to %s"
                .formatted(
                    test.output(), test.coordinate(test.output(), i), got[i], sums[i], rounded[i]));
        return;
      }
    }
  }

  private static double[] known(
      Contest contest,
      Subject side,
      VerifyCase test,
      NetworkSpec exact,
      Parameters parameters,
      float[] images) {
    return contest
        .memory()
        .tensor(
            test,
            side,
            "rounded outputs",
            () -> InferencePass.once(side, test, exact, parameters, images));
  }
}
