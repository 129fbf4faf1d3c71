package io.resfuse.engine.reference;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Sharding;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.engine.spi.Lifetime;
import io.resfuse.engine.spi.ShardedTrainingPlan;
import java.util.List;
import java.util.Optional;

/**
 * Runs networks by plain loops in double precision.
 *
 * <p>{@link Precision#FP64} rounds nothing: it is the truth that other engines are held against.
 * {@link Precision#FP32}, {@link Precision#TF32}, {@link Precision#BF16} and {@link Precision#FP16}
 * keep double arithmetic but round what an engine of that precision stores (see {@link Rounding}):
 * the error of such a run is the part that storage alone causes, a yardstick for low precision.
 *
 * <p>{@link Precision#INT8} computes what {@link io.resfuse.engine.QuantizedNetwork} says, sums of
 * integers exactly.
 *
 * <p>Results do not depend on the number of threads: every element is computed by one thread, in
 * one order. Unlike the SPI asks, running a plan allocates a few small objects (those of parallel
 * streams).
 */
public final class ReferenceEngine implements Engine {
  private final String description;
  private final Loop loop;
  private final Lifetime lifetime;

  /**
   * Opens the engine.
   *
   * @param options threads; the device is ignored
   */
  public ReferenceEngine(EngineOptions options) {
    this.description = describe(options);
    this.loop = new Loop(options.effectiveThreads());
    this.lifetime = new Lifetime("engine " + ReferenceEngineProvider.NAME, loop::close);
  }

  static String describe(EngineOptions options) {
    int threads = options.effectiveThreads();
    return "plain float64 loops in Java, " + threads + (threads == 1 ? " thread" : " threads");
  }

  @Override
  public String name() {
    return ReferenceEngineProvider.NAME;
  }

  @Override
  public String description() {
    return description;
  }

  @Override
  public Optional<String> whyNot(Precision precision, Mode mode) {
    return precision == Precision.INT8 && mode == Mode.TRAINING
        ? Optional.of("int8 is for inference only; train in fp32 and quantise the weights")
        : Optional.empty();
  }

  private void require(Precision precision, Mode mode) {
    whyNot(precision, mode)
        .ifPresent(
            reason -> {
              throw new EngineException(reason);
            });
  }

  @Override
  public ReferenceLoadedNetwork load(
      NetworkSpec network, Parameters parameters, Precision precision) {
    require(precision, Mode.INFERENCE);
    return lifetime.make(
        onClose -> new ReferenceLoadedNetwork(network, parameters, precision, loop, onClose));
  }

  @Override
  public PlanMemory trainingMemory(NetworkSpec network, TrainingOptions options) {
    require(options.precision(), Mode.TRAINING);
    options.check(network);
    options.request().requireHostFloats(name());
    return MemoryEstimate.training(network, options);
  }

  @Override
  public ReferenceTrainingPlan planTraining(
      NetworkSpec network, Parameters parameters, TrainingOptions options) {
    require(options.precision(), Mode.TRAINING);
    options.check(network);
    options.request().requireHostFloats(name());
    try {
      return lifetime.make(
          onClose -> new ReferenceTrainingPlan(network, parameters, options, loop, onClose));
    } catch (OutOfMemoryError e) {
      throw outOfMemory(network, MemoryEstimate.training(network, options), e);
    }
  }

  @Override
  public TrainingPlan planTraining(
      NetworkSpec network, Parameters parameters, TrainingOptions options, Sharding sharding) {
    return ShardedTrainingPlan.of(List.of(this), network, parameters, options, sharding);
  }

  static EngineException outOfMemory(NetworkSpec network, PlanMemory needed, OutOfMemoryError e) {
    return new EngineException(
        "a plan of "
            + network.name()
            + " needs "
            + needed
            + ", more than is left of the Java heap of "
            + (Runtime.getRuntime().maxMemory() >> 20)
            + " MiB; use a smaller batch or image, or raise -Xmx",
        e);
  }

  @Override
  public void close() {
    lifetime.close();
  }

  /** The name and the threads. */
  @Override
  public String toString() {
    return name() + " (" + description + ")";
  }
}
