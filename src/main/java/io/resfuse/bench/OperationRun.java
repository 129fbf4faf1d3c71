package io.resfuse.bench;

import io.resfuse.engine.Engine;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.verify.Parity;
import io.resfuse.verify.VerifyCase;

/**
 * The last operation of a small network, ready to be timed by itself: its kernels alone where the
 * plan can do that, else a whole run. Not thread-safe.
 */
final class OperationRun implements AutoCloseable {
  private final String operation;
  private final AutoCloseable plan;
  private final Runnable whole;
  private final Runnable closing;

  private OperationRun(VerifyCase test, AutoCloseable plan, Runnable whole, Runnable closing) {
    this.operation = last(test.network());
    this.plan = plan;
    this.whole = whole;
    this.closing = closing;
  }

  private static String last(NetworkSpec network) {
    return network.operations().get(network.operations().size() - 1).name();
  }

  /** Makes a plan and runs it once. */
  static OperationRun of(
      Engine engine, Workload workload, VerifyCase test, boolean inputGradient, Parity data) {
    OperationRun run =
        workload.mode() == Engine.Mode.INFERENCE
            ? inference(engine, workload, test, data)
            : training(engine, workload, test, inputGradient, data);
    run.whole.run();
    return run;
  }

  private static OperationRun inference(
      Engine engine, Workload workload, VerifyCase test, Parity data) {
    NetworkSpec spec = test.network();
    LoadedNetwork network = engine.load(spec, data.parameters(spec), workload.precision());
    boolean done = false;
    try {
      InferencePlan plan = network.plan(Plans.inference(test));
      plan.input().put(0, data.images(test));
      done = true;
      return new OperationRun(
          test,
          plan,
          plan::run,
          () -> {
            plan.close();
            network.close();
          });
    } finally {
      if (!done) {
        network.close();
      }
    }
  }

  private static OperationRun training(
      Engine engine, Workload workload, VerifyCase test, boolean inputGradient, Parity data) {
    NetworkSpec spec = test.network();
    TrainingPlan plan =
        engine.planTraining(
            spec,
            data.parameters(spec),
            Plans.training(test, workload.precision()).withInputGradient(inputGradient));
    plan.input().put(0, data.images(test));
    plan.outputGradient(Plans.output(test)).put(0, data.outputGradient(test));
    return new OperationRun(
        test,
        plan,
        () -> {
          plan.forward();
          plan.backward(false);
        },
        plan::close);
  }

  /** Whether the kernels are timed alone. */
  boolean isAlone() {
    return plan instanceof OperationTimer;
  }

  /** Runs once; in seconds. */
  double seconds(Runnable coolCaches) {
    if (plan instanceof OperationTimer timer) {
      return timer.seconds(operation, coolCaches);
    }
    coolCaches.run();
    long begin = System.nanoTime();
    whole.run();
    return (System.nanoTime() - begin) / 1e9;
  }

  @Override
  public void close() {
    closing.run();
  }
}
