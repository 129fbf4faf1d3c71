package io.resfuse.verify;

import io.resfuse.engine.Operation;
import io.resfuse.engine.Optimizer.Adam;
import io.resfuse.engine.Optimizer.Group;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Parameters after a step whose values follow element by element from what the engine itself says,
 * whatever rounding did to its gradients.
 *
 * <p>The norm of all gradients follows from the gradients, but for the rounding of these to
 * float32.
 *
 * <p>Frozen parameters, and the statistics of batch norms that are frozen, have the bits that they
 * were given.
 *
 * <p>Adam divides a gradient by about its own magnitude. Where that is no larger than the
 * gradient's rounding error, the sign of the update is anybody's, and no bound in the L2 norm holds
 * that is not as large as the update. So its moments, which are smooth in the gradient, are held
 * against float64 within {@link Tolerance}, and of the update what is left, given the engine's
 * moments m and v: w' = w - rate s - rate decay w (the last term in AdamW only) with s = (m / (1 -
 * beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps). In float32, u = 2^-24, the numerator errs relatively
 * by 2 u (the correction, the division), the root by 2 u (half as much, and its own), the sum with
 * eps and the quotient by u each, and m and v were rounded when stored: 7.5 u for s. The rate, its
 * scale, their product, decay, and the sum of s and decay w add 5 u, which makes less than 16.
 * Rounding w as it is read before and after adds one u each:
 *
 * <pre>16 u rate (|s| + |decay w|) + u (|w| + |w'|)</pre>
 *
 * The gradients' errors reach the moments through the first update only where weight decay is part
 * of the gradient, by at most rate decay = 1e-5 for each sign that has changed.
 */
final class HeldExactly {
  private static final double UNIT32 = 0x1p-24;

  private final VerifyCase test;
  private final Parameters initial;
  private final Set<String> frozen = new HashSet<>();

  HeldExactly(VerifyCase test, Parameters initial) {
    this.test = test;
    this.initial = initial;
    frozen.addAll(test.regime().frozen());
    for (Operation operation : test.network().operations()) {
      if (operation instanceof Operation.FusedConv conv
          && conv.batchNorm() != null
          && frozen.contains(conv.batchNorm().gamma().name())
          && frozen.contains(conv.batchNorm().beta().name())) {
        operation.parameters().stream()
            .filter(parameter -> !parameter.isTrainable())
            .forEach(parameter -> frozen.add(parameter.name()));
      }
    }
  }

  /** Whether a tensor is held here, and so needs no bound on what gradients do to it. */
  boolean has(String tensor) {
    if (tensor.equals(Names.NORM)) {
      return true;
    }
    if (!Names.isAfter(tensor) || Names.isState(tensor)) {
      return false;
    }
    return frozen.contains(Names.parameter(tensor)) || isUpdatedByAdam(Names.parameter(tensor));
  }

  /** The norm of the gradients must be that of those that the engine itself gives. */
  void checkNorm(Map<String, double[]> got, Comparison comparison) {
    double sum = 0;
    for (String parameter : test.network().parameters().keySet()) {
      double[] gradient = got.get(Names.gradient(parameter));
      if (gradient != null) {
        double norm = Tolerance.norm(gradient);
        sum += norm * norm;
      }
    }
    double expected = Math.sqrt(sum);
    comparison.special(
        Names.NORM,
        got.get(Names.NORM),
        new double[] {expected},
        i -> 4 * UNIT32 * expected + Float.MIN_NORMAL);
  }

  private boolean isUpdatedByAdam(String parameter) {
    ParameterSpec spec = test.network().parameters().get(parameter);
    return test.regime().optimizer() instanceof Adam && spec != null && spec.isTrainable();
  }

  /** Adds what it finds in a run's tensors. */
  void check(Map<String, double[]> got, Comparison comparison) {
    for (String parameter : test.network().parameters().keySet()) {
      double[] before = InferencePass.toDoubles(initial.get(parameter).buffer());
      if (frozen.contains(parameter)) {
        String tensor = Names.after(parameter, TrainingPass.UPDATES);
        comparison.special(tensor, got.get(tensor), before, i -> 0);
      } else if (isUpdatedByAdam(parameter)) {
        for (int update = 1; update <= TrainingPass.UPDATES; update++) {
          adam(got, parameter, update, before, comparison);
          before = got.get(Names.after(parameter, update));
        }
      }
    }
  }

  private void adam(
      Map<String, double[]> got,
      String parameter,
      int update,
      double[] before,
      Comparison comparison) {
    Adam adam = (Adam) test.regime().optimizer();
    Group group = adam.group(parameter);
    double rate = test.regime().learningRate(update) * group.learningRateScale();
    double decay = adam.decoupled() ? group.weightDecay() : 0;
    double meanCorrection = 1 - Math.pow(adam.beta1(), update);
    double squareCorrection = 1 - Math.pow(adam.beta2(), update);
    double[] mean = got.get(Names.after(parameter + "/exp_avg", update));
    double[] square = got.get(Names.after(parameter + "/exp_avg_sq", update));
    double[] expected = new double[before.length];
    double[] allowed = new double[before.length];
    for (int i = 0; i < before.length; i++) {
      double step =
          mean[i] / meanCorrection / (Math.sqrt(square[i] / squareCorrection) + adam.epsilon());
      double shrink = decay * before[i];
      expected[i] = before[i] - rate * (step + shrink);
      allowed[i] =
          16 * UNIT32 * rate * (Math.abs(step) + Math.abs(shrink))
              + UNIT32 * (Math.abs(before[i]) + Math.abs(expected[i]))
              + Float.MIN_NORMAL;
    }
    String tensor = Names.after(parameter, update);
    comparison.special(tensor, got.get(tensor), expected, i -> allowed[i]);
  }
}
