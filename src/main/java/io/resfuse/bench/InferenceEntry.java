package io.resfuse.bench;

import io.resfuse.engine.Engine;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.verify.Parity;
import java.nio.FloatBuffer;

/** Runs an inference plan. */
final class InferenceEntry implements Entry {
  private final LoadedNetwork network;
  private final InferencePlan plan;
  private final String output;

  InferenceEntry(Engine engine, Task task, Parity data) {
    NetworkSpec spec = task.test().network();
    this.output = Plans.output(task.test());
    this.network = engine.load(spec, data.parameters(spec), task.workload().precision());
    boolean done = false;
    try {
      this.plan = network.plan(Plans.inference(task.test()));
      plan.input().put(0, data.images(task.test()));
      done = true;
    } finally {
      if (!done) {
        network.close();
      }
    }
  }

  InferencePlan plan() {
    return plan;
  }

  @Override
  public void run(long nanos, Latencies latencies) {
    Entry.loop(plan::run, nanos, latencies);
  }

  @Override
  public float[] answer() {
    plan.run();
    return copy(plan.output(output));
  }

  static float[] copy(FloatBuffer buffer) {
    float[] array = new float[buffer.capacity()];
    buffer.get(0, array);
    return array;
  }

  @Override
  public void close() {
    plan.close();
    network.close();
  }
}
