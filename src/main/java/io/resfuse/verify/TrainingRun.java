package io.resfuse.verify;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.tensor.HostTensor;
import java.util.LinkedHashMap;
import java.util.Map;

/** A training plan that gives arrays by the names of {@link Names}. Not thread-safe. */
final class TrainingRun implements AutoCloseable {
  private static final double SMOOTHING = 0.1;

  private final TrainingPlan plan;
  private final VerifyCase test;
  private final NetworkSpec network;
  private final Parameters initial;
  private final Map<String, HostTensor> optimizer;

  TrainingRun(Subject subject, VerifyCase test, NetworkSpec network, Parameters parameters) {
    this.test = test;
    this.network = network.restrictedTo(test.options(subject.precision()).outputs());
    this.initial = parameters;
    this.plan =
        subject.engine().planTraining(network, parameters, test.options(subject.precision()));
    this.optimizer = plan.readOptimizerState();
  }

  /** Forward and backward from given parameters; what was not written is NaN. */
  private Map<String, double[]> pass(Drive drive) {
    plan.writeParameters(initial);
    plan.writeOptimizerState(optimizer);
    plan.input().put(0, drive.images());
    InferenceRun.poison(plan.output(test.output()));
    InferenceRun.poison(plan.inputGradient());
    plan.forward();
    Map<String, double[]> results = new LinkedHashMap<>();
    if (test.output().equals(VerifyCase.LOGITS)) {
      results.put(Names.LOSS, new double[] {plan.softmaxCrossEntropy(drive.labels(), SMOOTHING)});
    } else {
      plan.outputGradient(test.output()).put(0, drive.outputGradient());
    }
    plan.backward(false);
    results.put(test.output(), InferenceRun.toDoubles(plan.output(test.output())));
    for (ParameterSpec parameter : network.parameters().values()) {
      if (parameter.isTrainable()) {
        HostTensor gradient = HostTensor.zeros(parameter.shape());
        InferenceRun.poison(gradient.buffer());
        plan.readGradient(parameter.name(), gradient);
        results.put(Names.gradient(parameter.name()), InferenceRun.toDoubles(gradient.buffer()));
      }
    }
    results.put(Names.INPUT_GRADIENT, InferenceRun.toDoubles(plan.inputGradient()));
    return results;
  }

  /** Outputs and gradients. */
  Map<String, double[]> gradients(Drive drive) {
    return pass(drive);
  }

  /**
   * The same, and the parameters and statistics after two updates, of which the second shows the
   * momentum and the scaling of gradients.
   */
  Map<String, double[]> step(Drive drive) {
    Map<String, double[]> results = pass(drive);
    plan.update(0.1, 1);
    plan.update(0.05, 0.5);
    Parameters after = Parameters.zeros(network);
    after.asMap().values().forEach(tensor -> InferenceRun.poison(tensor.buffer()));
    plan.readParameters(after);
    after
        .asMap()
        .forEach(
            (name, tensor) ->
                results.put(Names.after(name), InferenceRun.toDoubles(tensor.buffer())));
    return results;
  }

  @Override
  public void close() {
    plan.close();
  }
}
