package io.resfuse.bench;

import io.resfuse.engine.Engine;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.Precision;
import io.resfuse.verify.Parity;
import io.resfuse.verify.VerifyCase;
import java.nio.FloatBuffer;
import java.util.Optional;

/** Runs an inference plan. */
final class InferenceEntry implements Entry {
  private final LoadedNetwork network;
  private final InferencePlan plan;
  private final String output;

  InferenceEntry(Engine engine, Precision precision, VerifyCase test, Parity data) {
    NetworkSpec spec = test.network();
    this.output = Plans.output(test);
    this.network = engine.load(spec, data.parameters(engine, precision, test), precision);
    boolean done = false;
    try {
      this.plan = network.plan(Plans.inference(test));
      plan.input().put(0, data.images(test));
      done = true;
    } finally {
      if (!done) {
        network.close();
      }
    }
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
  public Optional<OperationTimer> timer() {
    return plan instanceof OperationTimer timer ? Optional.of(timer) : Optional.empty();
  }

  @Override
  public void close() {
    plan.close();
    network.close();
  }
}
