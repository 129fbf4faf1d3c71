package io.resfuse.engine.onednn;

import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.onednn.NativeLibrary.Threads;

/** Folded and packed weights, and the plans that share them. Thread-safe by one lock. */
final class OneDnnNetwork implements LoadedNetwork {
  private final NetworkSpec network;
  private final int type;
  private final Threads threads;
  private final PackedWeights weights;
  private int plans;
  private boolean closed;

  OneDnnNetwork(NetworkSpec network, Parameters parameters, int type, Threads threads) {
    this.network = network;
    this.type = type;
    this.threads = threads;
    this.weights = new PackedWeights(network, parameters);
  }

  @Override
  public NetworkSpec network() {
    return network;
  }

  @Override
  public synchronized PlanMemory memory(PlanRequest request) {
    checkOpen();
    threads.use();
    try (Scope scope = new Scope()) {
      return new InferenceProgram(scope, network, request, type, weights, threads.count()).memory();
    }
  }

  @Override
  public synchronized InferencePlan plan(PlanRequest request) {
    checkOpen();
    threads.use();
    try (Scope scope = new Scope()) {
      InferenceProgram program =
          new InferenceProgram(scope, network, request, type, weights, threads.count());
      SlowSteps.log(
          "inference with " + network.name(),
          TrainingFormat.CHANNELS_LAST,
          program.implementations());
      InferencePlan plan = new OneDnnInferencePlan(program, request, threads, this::planClosed);
      plans++;
      return plan;
    }
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("network " + network.name() + " is closed");
    }
  }

  private synchronized void planClosed() {
    plans--;
    freeIfUnused();
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      freeIfUnused();
    }
  }

  private void freeIfUnused() {
    if (closed && plans == 0) {
      weights.close();
    }
  }
}
