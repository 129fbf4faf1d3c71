package io.resfuse.verify;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Optimizer;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.TensorLayout;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.DoubleSupplier;

/** A training plan that gives arrays by the names of {@link Names}. Not thread-safe. */
final class TrainingPass implements AutoCloseable {
  static final int UPDATES = 2;
  private static final double SMOOTHING = 0.1;

  private final TrainingPlan plan;
  private final VerifyCase test;
  private final NetworkSpec network;
  private Parameters initial;
  private final Map<String, HostTensor> optimizer;

  TrainingPass(Subject subject, VerifyCase test, NetworkSpec network, Parameters parameters) {
    this(subject, test, network, parameters, TensorLayout.NCHW);
  }

  /** The same where images and outputs have another layout. */
  TrainingPass(
      Subject subject,
      VerifyCase test,
      NetworkSpec network,
      Parameters parameters,
      TensorLayout layout) {
    TrainingOptions options = test.options(subject.precision(), layout);
    this.test = test;
    this.network = network.restrictedTo(options.outputs());
    this.initial = parameters;
    this.plan = subject.engine().planTraining(network, parameters, options);
    this.optimizer = plan.readOptimizerState();
  }

  /** Forward and backward from given parameters; what was not written is NaN. */
  private Map<String, double[]> pass(Drive drive) {
    plan.writeParameters(initial);
    plan.writeOptimizerState(optimizer);
    Map<String, double[]> results = new LinkedHashMap<>();
    Drive batch = drive;
    for (int i = 0; i < test.regime().batches(); i++) {
      forwardAndBackward(batch, i > 0, results);
      batch = batch.next();
    }
    for (ParameterSpec parameter : network.parameters().values()) {
      if (isTrained(parameter)) {
        HostTensor gradient = HostTensor.zeros(parameter.shape());
        InferencePass.poison(gradient.buffer());
        plan.readGradient(parameter.name(), gradient);
        results.put(Names.gradient(parameter.name()), InferencePass.toDoubles(gradient.buffer()));
      }
    }
    return results;
  }

  private boolean isTrained(ParameterSpec parameter) {
    return parameter.isTrainable() && !test.regime().frozen().contains(parameter.name());
  }

  /** Puts the last batch's output, loss and gradient of the images. */
  private void forwardAndBackward(Drive drive, boolean accumulate, Map<String, double[]> results) {
    plan.input().put(0, drive.images());
    InferencePass.poison(plan.output(test.output()));
    if (test.regime().wantsInputGradient()) {
      InferencePass.poison(plan.inputGradient());
    }
    plan.forward();
    if (test.output().equals(VerifyCase.LOGITS)) {
      results.put(Names.LOSS, new double[] {plan.softmaxCrossEntropy(drive.labels(), SMOOTHING)});
    } else {
      plan.outputGradient(test.output()).put(0, drive.outputGradient());
    }
    plan.backward(accumulate);
    results.put(test.output(), InferencePass.toDoubles(plan.output(test.output())));
    if (test.regime().wantsInputGradient()) {
      results.put(Names.INPUT_GRADIENT, InferencePass.toDoubles(plan.inputGradient()));
    }
  }

  /** Begins with other parameters from now on. */
  void beginWith(Parameters parameters) {
    initial = parameters;
  }

  /** The output of a forward pass alone. */
  double[] forward(float[] images) {
    plan.input().put(0, images);
    InferencePass.poison(plan.output(test.output()));
    plan.forward();
    return InferencePass.toDoubles(plan.output(test.output()));
  }

  /** Running statistics, and all other parameters, after forward passes of the batches alone. */
  Map<String, double[]> statistics(Drive drive) {
    plan.writeParameters(initial);
    Drive batch = drive;
    for (int i = 0; i < test.regime().batches(); i++) {
      plan.input().put(0, batch.images());
      plan.forward();
      batch = batch.next();
    }
    Map<String, double[]> results = new LinkedHashMap<>();
    put(results, parameters().asMap(), UPDATES);
    return results;
  }

  /** Writes the parameters that the plan has, which then are rounded anew for products. */
  void writeBack() {
    plan.writeParameters(parameters());
  }

  /** What the plan says that they are; what it does not say is NaN. */
  private Parameters parameters() {
    Parameters now = Parameters.zeros(network);
    now.asMap().values().forEach(tensor -> InferencePass.poison(tensor.buffer()));
    plan.readParameters(now);
    return now;
  }

  /** The output of an evaluation, by what was updated. */
  double[] evaluate(float[] images) {
    plan.input().put(0, images);
    InferencePass.poison(plan.output(test.output()));
    plan.evaluate();
    return InferencePass.toDoubles(plan.output(test.output()));
  }

  /** The norm of all gradients where the output's gradient has a NaN at its end. */
  double normOfNaN(Drive drive) {
    forward(drive.images());
    FloatBuffer gradient = plan.outputGradient(test.output());
    gradient.put(0, drive.outputGradient());
    gradient.put(gradient.capacity() - 1, Float.NaN);
    plan.backward(false);
    return plan.gradientNorm();
  }

  /** Every kind of loss, and the gradient of the logits, of images that are the logits. */
  Map<String, double[]> losses(float[] images, Drive drive) {
    forward(images);
    int[] none = new int[drive.labels().length];
    Arrays.fill(none, -1);
    Map<String, double[]> results = new LinkedHashMap<>();
    loss(results, "smoothed labels", () -> plan.softmaxCrossEntropy(drive.labels(), SMOOTHING));
    loss(results, "labels of some", () -> plan.softmaxCrossEntropy(drive.someLabels(), 0));
    loss(results, "no labels", () -> plan.softmaxCrossEntropy(none, SMOOTHING));
    if (test.shapeOf(test.output()).rank() == 2) {
      FloatBuffer targets = FloatBuffer.wrap(drive.targets());
      loss(results, "distributions", () -> plan.softmaxCrossEntropy(targets));
    }
    return results;
  }

  private void loss(Map<String, double[]> results, String against, DoubleSupplier loss) {
    FloatBuffer gradient = plan.outputGradient(test.output());
    InferencePass.poison(gradient);
    results.put(Names.LOSS + " against " + against, new double[] {loss.getAsDouble()});
    results.put(Names.LOGITS_GRADIENT + " against " + against, InferencePass.toDoubles(gradient));
  }

  /** Outputs and gradients. */
  Map<String, double[]> gradients(Drive drive) {
    return pass(drive);
  }

  /**
   * The same, and the parameters and statistics after two updates, of which the second shows the
   * momentum and the scaling of gradients; of Adam those after each of the two, with its moments.
   * If the regime goes on, what comes then.
   */
  Map<String, double[]> step(Drive drive) {
    Map<String, double[]> results = pass(drive);
    results.put(Names.NORM, new double[] {plan.gradientNorm()});
    boolean isAdam = test.regime().optimizer() instanceof Optimizer.Adam;
    for (int update = 1; update <= UPDATES; update++) {
      plan.update(test.regime().learningRate(update), test.regime().gradientScale(update));
      if (isAdam) {
        Map<String, HostTensor> moments = new LinkedHashMap<>(plan.readOptimizerState());
        moments.remove("steps");
        put(results, moments, update);
      }
      if (isAdam || update == UPDATES) {
        put(results, parameters().asMap(), update);
      }
    }
    if (test.regime().goesOn()) {
      next(drive, results);
    }
    return results;
  }

  /** What was updated is used: by an evaluation, and both ways by another step. */
  private void next(Drive drive, Map<String, double[]> results) {
    InferencePass.poison(plan.output(test.output()));
    plan.evaluate();
    results.put(
        Names.evaluated(test.output()), InferencePass.toDoubles(plan.output(test.output())));
    Map<String, double[]> step = new LinkedHashMap<>();
    forwardAndBackward(drive, false, step);
    step.forEach((tensor, values) -> results.put(Names.next(tensor), values));
  }

  private static void put(
      Map<String, double[]> results, Map<String, HostTensor> tensors, int update) {
    tensors.forEach(
        (key, tensor) ->
            results.put(Names.after(key, update), InferencePass.toDoubles(tensor.buffer())));
  }

  @Override
  public void close() {
    plan.close();
  }
}
