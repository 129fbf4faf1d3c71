package io.resfuse.bench;

import io.resfuse.engine.Engine;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.verify.Parity;
import java.util.Optional;

/** Runs training steps, always on the same images. */
final class TrainingEntry implements Entry {
  private final TrainingPlan plan;
  private final String output;
  private final int[] labels;

  TrainingEntry(Engine engine, Task task, Parity data) {
    NetworkSpec spec = task.test().network();
    this.output = Plans.output(task.test());
    this.labels = data.labels(task.test());
    this.plan =
        engine.planTraining(
            spec, data.parameters(spec), Plans.training(task.test(), task.workload().precision()));
    plan.input().put(0, data.images(task.test()));
  }

  private void step() {
    plan.forward();
    plan.softmaxCrossEntropy(labels, 0);
    plan.backward(false);
    plan.update(Task.LEARNING_RATE, 1);
  }

  @Override
  public void run(long nanos, Latencies latencies) {
    Entry.loop(this::step, nanos, latencies);
  }

  @Override
  public float[] answer() {
    step();
    return InferenceEntry.copy(plan.output(output));
  }

  @Override
  public Optional<OperationTimer> timer() {
    return plan instanceof OperationTimer timer ? Optional.of(timer) : Optional.empty();
  }

  @Override
  public void close() {
    plan.close();
  }
}
