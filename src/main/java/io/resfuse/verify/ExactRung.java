package io.resfuse.verify;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Parameters;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Small integers: every sum and every stored value is exact in any order, so all must be equal.
 * Only the statistics of a prologue are not, by float32's rounding of their mean: behind it,
 * numbers must be nearer to what is expected than integers are to each other, and what its batch
 * norm hands on to the images is no integer and left out. In the same way engines whose sums are
 * not exact ({@code Engine.hasExactSums}) must be near, by a share of large numbers; behind a ReLU
 * other rungs hold their gradients.
 */
final class ExactRung {
  private static final double BEHIND_PROLOGUE = 1.0 / 64;

  private static final double SHARE = 1e-5;

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
    boolean exact =
        contest.subject().engine().hasExactSums() && contest.against().engine().hasExactSums();
    double share = exact ? 0 : SHARE;
    double allowed = test.hasPrologue() || !exact ? BEHIND_PROLOGUE : 0;
    boolean hasGradients = exact || !hasRelu(network);
    Map<String, double[]> trained =
        hasGradients ? expected(contest, test, network, parameters, drive) : Map.of();
    // Statistics of a batch are those that run: training gives what inference gives.
    double[] inference =
        hasGradients && test.regime().batches() == 1
            ? trained.get(test.output())
            : contest
                .memory()
                .tensor(
                    test,
                    contest.against(),
                    "exact inference",
                    () ->
                        InferencePass.once(
                            contest.against(), test, network, parameters, drive.images()));
    requireExact(comparison, test, test.output(), inference);
    comparison.elements(
        test.output(),
        InferencePass.once(contest.subject(), test, network, parameters, drive.images()),
        inference,
        i -> allowed + share * Math.abs(inference[i]));
    if (hasGradients) {
      Map<String, double[]> got = training(contest.subject(), test, network, parameters, drive);
      gradients(test, trained, got, comparison, allowed, share);
    }
    RoundedOutputs.check(contest, test, network, comparison);
    RoundedPrologue.check(contest, test, network, comparison);
    return comparison.check(Rung.EXACT);
  }

  /** Whether there is a ReLU, before which integers are often 0: being near does not decide it. */
  private static boolean hasRelu(NetworkSpec network) {
    return network.operations().stream()
        .anyMatch(
            operation ->
                (operation instanceof Operation.FusedConv conv && conv.relu())
                    || (operation instanceof Operation.SqueezeExcite gating && gating.relu()));
  }

  private static Map<String, double[]> expected(
      Contest contest, VerifyCase test, NetworkSpec network, Parameters parameters, Drive drive) {
    return contest
        .memory()
        .tensors(
            test,
            contest.against(),
            "exact gradients",
            () -> training(contest.against(), test, network, parameters, drive));
  }

  private static void gradients(
      VerifyCase test,
      Map<String, double[]> trained,
      Map<String, double[]> got,
      Comparison comparison,
      double allowed,
      double share) {
    Map<String, double[]> expected = new LinkedHashMap<>(trained);
    if (test.hasPrologue()) {
      expected.remove(Names.INPUT_GRADIENT);
      expected.remove(Names.gradient(OperationShape.BEFORE + ".weight"));
    }
    expected.forEach(
        (tensor, values) -> {
          requireExact(comparison, test, tensor, values);
          comparison.elements(
              tensor, got.get(tensor), values, i -> allowed + share * Math.abs(values[i]));
        });
  }

  private static Map<String, double[]> training(
      Subject side, VerifyCase test, NetworkSpec network, Parameters parameters, Drive drive) {
    try (TrainingPass run = new TrainingPass(side, test, network, parameters)) {
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
