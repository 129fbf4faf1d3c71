package io.resfuse.verify;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import java.util.Map;

/** Small integers: every sum and every stored value is exact in any order, so all must be equal. */
final class ExactRung {
  /** The largest integer up to which bf16 has them all. */
  private static final double LARGEST_STORED = 256;

  private static final double LARGEST_SUM = 0x1p24;

  private ExactRung() {}

  static Check check(Contest contest, VerifyCase test) {
    NetworkSpec network = test.exact();
    if (network == null) {
      return Check.skipped(Rung.EXACT, "has no form whose sums are all exact");
    }
    Parameters parameters = contest.fills().integers(network);
    Drive drive = Drive.integers(contest.fills(), test);
    Comparison comparison = new Comparison(test);
    double[] inference =
        InferenceRun.once(contest.against(), test, network, parameters, drive.images());
    requireExact(comparison, test, test.output(), inference);
    comparison.elements(
        test.output(),
        InferenceRun.once(contest.subject(), test, network, parameters, drive.images()),
        inference,
        i -> 0);
    Map<String, double[]> expected = training(contest.against(), test, network, parameters, drive);
    Map<String, double[]> got = training(contest.subject(), test, network, parameters, drive);
    expected.forEach(
        (tensor, values) -> {
          requireExact(comparison, test, tensor, values);
          comparison.elements(tensor, got.get(tensor), values, i -> 0);
        });
    return comparison.check(Rung.EXACT);
  }

  private static Map<String, double[]> training(
      Subject side, VerifyCase test, NetworkSpec network, Parameters parameters, Drive drive) {
    try (TrainingRun run = new TrainingRun(side, test, network, parameters)) {
      return run.gradients(drive);
    }
  }

  private static void requireExact(
      Comparison comparison, VerifyCase test, String tensor, double[] values) {
    boolean isStored = tensor.equals(test.output()) || tensor.equals(Names.INPUT_GRADIENT);
    for (double value : values) {
      if (!(Math.abs(value) <= (isStored ? LARGEST_STORED : LARGEST_SUM))) {
        comparison.doubt(tensor + " has " + value + ", too large to be exact; use another seed");
        return;
      }
    }
  }
}
