package io.resfuse.engine.onednn;

import io.resfuse.engine.ConvolutionAlgorithm;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.Sharding;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.engine.onednn.NativeLibrary.Threads;
import io.resfuse.engine.spi.Lifetime;
import io.resfuse.engine.spi.ShardedTrainingPlan;
import io.resfuse.platform.CpuCaches;
import java.util.List;
import java.util.Optional;

/** oneDNN on the CPU. Thread-safe; holds nothing but the number of threads and how to convolve. */
final class OneDnnEngine implements Engine {
  private final EngineOptions options;
  private final Threads threads;
  private final Lifetime lifetime = new Lifetime("engine " + OneDnnProvider.NAME, () -> {});
  private final FastConvolutions fast;

  OneDnnEngine(EngineOptions options) {
    this.options = options;
    this.threads = new Threads(options.effectiveThreads());
    this.fast =
        new FastConvolutions(options.convolutions(), threads.count(), false, CpuCaches.here());
  }

  static String describe(EngineOptions options) {
    return "oneDNN "
        + NativeLibrary.version()
        + ", "
        + threads(options)
        + ", "
        + InstructionSet.effective()
        + ", caches of "
        + CpuCaches.here()
        + (NativeLibrary.whyNotBf16(Mode.INFERENCE).isEmpty() ? ", bf16" : ", no bf16")
        + int8();
  }

  private static String int8() {
    InstructionSet set = InstructionSet.effective();
    return set == InstructionSet.OTHER
        ? ", no int8"
        : set.hasByteProducts() ? ", int8" : ", int8 with weights of 7 bits";
  }

  private static String threads(EngineOptions options) {
    if (!NativeLibrary.setsThreads()) {
      return "as many threads as OMP_NUM_THREADS says";
    }
    int count = options.effectiveThreads();
    return count + (count == 1 ? " thread" : " threads");
  }

  @Override
  public String name() {
    return OneDnnProvider.NAME;
  }

  @Override
  public String description() {
    return describe(options);
  }

  @Override
  public Optional<String> whyNot(Precision precision, Mode mode) {
    return switch (precision) {
      case FP32 -> Optional.empty();
      case BF16 -> NativeLibrary.whyNotBf16(mode);
      case INT8 -> whyNotInt8(mode);
      default ->
          Optional.of(
              "engine onednn computes in fp32, bf16 and int8, not in " + precision + "; use fp32");
    };
  }

  private static Optional<String> whyNotInt8(Mode mode) {
    if (mode == Mode.TRAINING) {
      return Optional.of("int8 is for inference only; train in fp32 and quantise the weights");
    }
    return InstructionSet.effective() == InstructionSet.OTHER
        ? Optional.of("engine onednn computes in int8 on x86 CPUs only; use fp32")
        : Optional.empty();
  }

  private int type(Precision precision, Mode mode) {
    whyNot(precision, mode)
        .ifPresent(
            reason -> {
              throw new EngineException(reason);
            });
    return precision == Precision.BF16 ? Dnnl.BF16 : Dnnl.F32;
  }

  @Override
  public boolean hasExactSums() {
    return fast.algorithm() == ConvolutionAlgorithm.DIRECT || !CpuKernels.canConvolve();
  }

  @Override
  public boolean wantsReducedWeights() {
    return !InstructionSet.effective().hasByteProducts();
  }

  @Override
  public LoadedNetwork load(NetworkSpec network, Parameters parameters, Precision precision) {
    FastConvolutions inference =
        new FastConvolutions(
            options.convolutions(), threads.count(), options.batchInvariant(), fast.caches());
    int type = type(precision, Mode.INFERENCE);
    Quantization integers =
        precision == Precision.INT8 ? SevenBits.whereNeeded(network, parameters) : null;
    return lifetime.during(
        () -> new OneDnnNetwork(network, parameters, integers, type, threads, inference));
  }

  @Override
  public PlanMemory trainingMemory(NetworkSpec network, TrainingOptions trainingOptions) {
    int type = type(trainingOptions.precision(), Mode.TRAINING);
    trainingOptions.check(network);
    threads.use();
    try (Scope scope = new Scope()) {
      return TrainingProgram.of(scope, network, trainingOptions, type, fast).memory();
    }
  }

  @Override
  public TrainingPlan planTraining(
      NetworkSpec network, Parameters parameters, TrainingOptions trainingOptions) {
    return lifetime.during(() -> makeTrainingPlan(network, parameters, trainingOptions));
  }

  @Override
  public TrainingPlan planTraining(
      NetworkSpec network,
      Parameters parameters,
      TrainingOptions trainingOptions,
      Sharding sharding) {
    return ShardedTrainingPlan.of(List.of(this), network, parameters, trainingOptions, sharding);
  }

  private TrainingPlan makeTrainingPlan(
      NetworkSpec network, Parameters parameters, TrainingOptions trainingOptions) {
    int type = type(trainingOptions.precision(), Mode.TRAINING);
    trainingOptions.check(network);
    threads.use();
    Scope scope = new Scope();
    boolean done = false;
    try {
      TrainingProgram program = TrainingProgram.of(scope, network, trainingOptions, type, fast);
      TrainingPlan plan =
          new OneDnnTrainingPlan(scope, program, network, parameters, trainingOptions, threads);
      done = true;
      return plan;
    } finally {
      if (!done) {
        scope.close();
      }
    }
  }

  /** What it has made goes on: nothing of it is the engine's. */
  @Override
  public void close() {
    lifetime.close();
  }
}
