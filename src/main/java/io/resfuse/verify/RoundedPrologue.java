package io.resfuse.verify;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Parameters;
import io.resfuse.tensor.HostTensor;
import java.util.Map;

/**
 * A prologue whose batch norm gives two numbers, 1.5 u above 1 and 3 u above 3, where u is half a
 * unit in the last place: both must be rounded up, to 1 + 2 u and 3 + 4 u, whatever float32 did to
 * the statistics. What products make of them are sums without rounding: the gradients of weights
 * must be those of the reference engine in the same precision.
 */
final class RoundedPrologue {
  /** A sum is off by two units at least if one number was cut off. */
  private static final double UNITS = 0.5;

  private RoundedPrologue() {}

  /** Adds what it finds; nothing where there is no convolution behind a prologue. */
  static void check(Contest contest, VerifyCase test, NetworkSpec exact, Comparison comparison) {
    Subject subject = contest.subject();
    if (test.level() != Level.EDGES
        || !CutOff.rounds(subject.precision())
        || !test.hasPrologue()
        || !(exact.operations().get(0) instanceof FusedConv before)
        || !(exact.operations().get(exact.operations().size() - 1) instanceof FusedConv conv)) {
      return;
    }
    Parameters parameters = contest.fills().integers(exact);
    double unit = subject.unit();
    fill(parameters.get(before.batchNorm().gamma()), -2 - 1.5 * unit);
    fill(parameters.get(before.batchNorm().beta()), 2 + 2.25 * unit);
    Drive drive = Drive.integers(contest.fills(), test);
    String gradient = Names.gradient(conv.weight().name());
    Subject rounding = contest.yardstick().in(subject.precision());
    double[] expected =
        contest
            .memory()
            .tensors(
                test,
                rounding,
                "rounded prologue",
                () -> gradients(rounding, test, exact, parameters, drive))
            .get(gradient);
    double[] got = gradients(subject, test, exact, parameters, drive).get(gradient);
    comparison.special(gradient + " behind what must be rounded", got, expected, i -> UNITS * unit);
  }

  private static Map<String, double[]> gradients(
      Subject side, VerifyCase test, NetworkSpec network, Parameters parameters, Drive drive) {
    try (TrainingPass run = new TrainingPass(side, test, network, parameters)) {
      return run.gradients(drive);
    }
  }

  private static void fill(HostTensor tensor, double value) {
    for (int i = 0; i < tensor.shape().elements(); i++) {
      tensor.set(i, (float) value);
    }
  }
}
