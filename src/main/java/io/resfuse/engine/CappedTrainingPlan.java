package io.resfuse.engine;

import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Map;

/** A training plan whose memory is given back to a budget when it is closed. */
final class CappedTrainingPlan implements TrainingPlan, OperationTimer {
  private final TrainingPlan plan;
  private final Runnable onClose;
  private boolean closed;

  /**
   * A plan.
   *
   * @param plan owned
   * @param onClose called once, when this is closed
   */
  CappedTrainingPlan(TrainingPlan plan, Runnable onClose) {
    this.plan = plan;
    this.onClose = onClose;
  }

  @Override
  public TrainingOptions options() {
    return plan.options();
  }

  @Override
  public FloatBuffer input() {
    return plan.input();
  }

  @Override
  public ByteBuffer pixels() {
    return plan.pixels();
  }

  @Override
  public void forward() {
    plan.forward();
  }

  @Override
  public void evaluate() {
    plan.evaluate();
  }

  @Override
  public FloatBuffer output(String name) {
    return plan.output(name);
  }

  @Override
  public Shape outputShape(String name) {
    return plan.outputShape(name);
  }

  @Override
  public FloatBuffer outputGradient(String name) {
    return plan.outputGradient(name);
  }

  @Override
  public double softmaxCrossEntropy(String output, int[] labels, double smoothing, double weight) {
    return plan.softmaxCrossEntropy(output, labels, smoothing, weight);
  }

  @Override
  public double softmaxCrossEntropy(FloatBuffer targets) {
    return plan.softmaxCrossEntropy(targets);
  }

  @Override
  public void backward(boolean accumulate) {
    plan.backward(accumulate);
  }

  @Override
  public FloatBuffer inputGradient() {
    return plan.inputGradient();
  }

  @Override
  public void readGradient(String parameter, HostTensor target) {
    plan.readGradient(parameter, target);
  }

  @Override
  public double gradientNorm() {
    return plan.gradientNorm();
  }

  @Override
  public void update(double learningRate, double gradientScale) {
    plan.update(learningRate, gradientScale);
  }

  @Override
  public void readParameters(Parameters target) {
    plan.readParameters(target);
  }

  @Override
  public void writeParameters(Parameters source) {
    plan.writeParameters(source);
  }

  @Override
  public Map<String, HostTensor> readOptimizerState() {
    return plan.readOptimizerState();
  }

  @Override
  public void writeOptimizerState(Map<String, HostTensor> state) {
    plan.writeOptimizerState(state);
  }

  @Override
  public PlanMemory memory() {
    return plan.memory();
  }

  @Override
  public double seconds(String operation, Runnable coolCaches) {
    return OperationTimer.of(plan).seconds(operation, coolCaches);
  }

  @Override
  public List<String> implementations(String operation) {
    return OperationTimer.of(plan).implementations(operation);
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      try {
        plan.close();
      } finally {
        onClose.run();
      }
    }
  }
}
