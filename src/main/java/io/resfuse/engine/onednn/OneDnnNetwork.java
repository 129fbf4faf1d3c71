package io.resfuse.engine.onednn;

import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.onednn.NativeLibrary.Threads;
import io.resfuse.engine.spi.Lifetime;
import io.resfuse.engine.spi.RecordedPlans;
import org.jspecify.annotations.Nullable;

/** Folded and packed weights, and the plans that share them. Thread-safe. */
final class OneDnnNetwork implements LoadedNetwork {
  private final NetworkSpec network;
  private final @Nullable Quantization integers;
  private final int type;
  private final Threads threads;
  private final FastConvolutions fast;
  private final PackedWeights weights;
  private final Lifetime lifetime;

  OneDnnNetwork(
      NetworkSpec network,
      Parameters parameters,
      @Nullable Quantization integers,
      int type,
      Threads threads,
      FastConvolutions fast) {
    this.network = network;
    this.integers = integers;
    this.type = type;
    this.threads = threads;
    this.fast = fast;
    this.weights = new PackedWeights(network, parameters, integers);
    this.lifetime = new Lifetime("network " + network.name(), weights::close);
  }

  @Override
  public NetworkSpec network() {
    return network;
  }

  @Override
  public synchronized long weightBytes() {
    return weights.bytes();
  }

  @Override
  public synchronized PlanMemory memory(PlanRequest request) {
    return lifetime.during(
        () -> {
          threads.use();
          try (Scope scope = new Scope()) {
            return program(scope, request).memory();
          }
        });
  }

  @Override
  public synchronized InferencePlan plan(PlanRequest request) {
    return RecordedPlans.make(
        this, request, () -> lifetime.make(onClose -> plan(request, onClose)));
  }

  private InferenceProgram program(Scope scope, PlanRequest request) {
    return new InferenceProgram(scope, network, integers, request, type, weights, fast);
  }

  private InferencePlan plan(PlanRequest request, Runnable onClose) {
    threads.use();
    try (Scope scope = new Scope()) {
      InferenceProgram program = program(scope, request);
      SlowSteps.log(
          "inference with " + network.name(),
          TrainingFormat.CHANNELS_LAST,
          program.implementations());
      return new OneDnnInferencePlan(program, request, threads, onClose);
    }
  }

  @Override
  public void close() {
    lifetime.close();
  }
}
