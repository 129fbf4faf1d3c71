package io.resfuse.verify;

import io.resfuse.engine.Operation;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.tensor.HostTensor;
import java.util.Map;

/**
 * Batch statistics are those of the output as it is stored. Integers so large that storing rounds
 * the output, though every sum is exact: all engines must store the same, and so the running
 * statistics, which are float32, must be those of the reference engine in the same precision, but
 * for the rounding of their own sums.
 */
final class StoredStatistics {
  /** Sums in float32 in some order, of values and of squares. */
  private static final double RELATIVE = 1e-5;

  /** With images to 255, puts most outputs beyond the 2048 up to which a half has all integers. */
  private static final float LARGEST_WEIGHT = 5;

  /** Makes of the 1 and -1 behind a prologue's batch norm 128 and -128, plus its small betas. */
  private static final float LARGEST_GAMMA = 64;

  private StoredStatistics() {}

  /**
   * Adds what it finds, by a plan of the subject's; nothing where the case has no batch norm of its
   * own.
   */
  static void check(Contest contest, VerifyCase test, TrainingPass subject, Comparison comparison) {
    if (!test.isOperation()
        || !(last(test) instanceof Operation.FusedConv conv)
        || conv.batchNorm() == null
        || (test.hasPrologue() && test.exact() == null)) {
      return;
    }
    Parameters parameters = contest.fills().integers(test.network());
    enlarge(parameters.get(conv.weight()), LARGEST_WEIGHT);
    if (test.network().operations().get(0) instanceof Operation.FusedConv before
        && test.hasPrologue()) {
      enlarge(parameters.get(before.batchNorm().gamma()), LARGEST_GAMMA);
    }
    Drive drive = Drive.large(contest.fills(), test);
    Subject rounding = contest.yardstick().in(contest.subject().precision());
    Map<String, double[]> expected =
        contest
            .memory()
            .tensors(
                test,
                rounding,
                "stored statistics",
                () -> statistics(rounding, test, parameters, drive));
    subject.beginWith(parameters);
    Map<String, double[]> got = subject.statistics(drive);
    for (ParameterSpec parameter : conv.parameters()) {
      if (!parameter.isTrainable()) {
        String tensor = Names.after(parameter.name(), TrainingPass.UPDATES);
        double largest = 0;
        for (double value : expected.get(tensor)) {
          largest = Math.max(largest, Math.abs(value));
        }
        double allowed = RELATIVE * largest;
        comparison.special(tensor, got.get(tensor), expected.get(tensor), i -> allowed);
      }
    }
  }

  private static void enlarge(HostTensor tensor, float factor) {
    for (int i = 0; i < tensor.shape().elements(); i++) {
      tensor.set(i, factor * tensor.get(i));
    }
  }

  private static Operation last(VerifyCase test) {
    return test.network().operations().get(test.network().operations().size() - 1);
  }

  private static Map<String, double[]> statistics(
      Subject side, VerifyCase test, Parameters parameters, Drive drive) {
    try (TrainingPass run = new TrainingPass(side, test, test.network(), parameters)) {
      return run.statistics(drive);
    }
  }
}
