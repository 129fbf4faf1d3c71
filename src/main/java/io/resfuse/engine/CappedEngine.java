package io.resfuse.engine;

import java.util.Optional;

/** An engine whose networks and plans keep within {@link EngineOptions#maxMemory}. Thread-safe. */
class CappedEngine implements Engine {
  private final Engine engine;
  private final MemoryBudget budget;

  private CappedEngine(Engine engine, long most) {
    this.engine = engine;
    this.budget = new MemoryBudget(most);
  }

  /**
   * Holds an engine to what its options allow.
   *
   * @param engine owned
   * @param options how it was opened
   * @return the engine itself if they allow all there is
   */
  static Engine of(Engine engine, EngineOptions options) {
    if (options.maxMemory() == 0) {
      return engine;
    }
    return engine instanceof DeviceMeter meter
        ? new Metered(engine, meter, options.maxMemory())
        : new CappedEngine(engine, options.maxMemory());
  }

  /** One on a device whose memory can be asked for. */
  private static final class Metered extends CappedEngine implements DeviceMeter {
    private final DeviceMeter meter;

    Metered(Engine engine, DeviceMeter meter, long most) {
      super(engine, most);
      this.meter = meter;
    }

    @Override
    public String deviceName() {
      return meter.deviceName();
    }

    @Override
    public long freeBytes() {
      return meter.freeBytes();
    }

    @Override
    public double copySeconds(long bytes) {
      return meter.copySeconds(bytes);
    }
  }

  @Override
  public String name() {
    return engine.name();
  }

  @Override
  public String description() {
    return engine.description() + ", at most " + MemoryBudget.mib(budget.most());
  }

  @Override
  public Optional<String> whyNot(Precision precision, Mode mode) {
    return engine.whyNot(precision, mode);
  }

  @Override
  public boolean takesPixels() {
    return engine.takesPixels();
  }

  @Override
  public boolean hasDevice() {
    return engine.hasDevice();
  }

  @Override
  public void onDevice(Runnable work) {
    engine.onDevice(work);
  }

  @Override
  public boolean hasExactSums() {
    return engine.hasExactSums();
  }

  @Override
  public boolean wantsReducedWeights() {
    return engine.wantsReducedWeights();
  }

  @Override
  public LoadedNetwork load(NetworkSpec network, Parameters parameters, Precision precision) {
    LoadedNetwork loaded = engine.load(network, parameters, precision);
    boolean done = false;
    try {
      CappedNetwork capped = new CappedNetwork(loaded, budget);
      done = true;
      return capped;
    } finally {
      if (!done) {
        loaded.close();
      }
    }
  }

  @Override
  public PlanMemory trainingMemory(NetworkSpec network, TrainingOptions options) {
    return engine.trainingMemory(network, options);
  }

  @Override
  public TrainingPlan planTraining(
      NetworkSpec network, Parameters parameters, TrainingOptions options) {
    return planTraining(network, parameters, options, 1);
  }

  @Override
  public TrainingPlan planTraining(
      NetworkSpec network, Parameters parameters, TrainingOptions options, int shards) {
    long bytes = trainingBytes(network, options, shards);
    synchronized (budget) {
      if (bytes > budget.left()) {
        throw new EngineException(
            String.format(
                "training %s with %d images at a time needs %s, there are %s; %s",
                network.name(),
                options.batch(),
                MemoryBudget.mib(bytes),
                budget.describe(),
                remedy(network, options, shards)));
      }
      TrainingPlan plan = engine.planTraining(network, parameters, options, shards);
      // Devices exchange gradients through memory of their own.
      long taken = device(plan.memory());
      if (taken > budget.left()) {
        plan.close();
        throw new EngineException(
            String.format(
                "training %s on several devices needs %s, there are %s; allow more",
                network.name(), MemoryBudget.mib(taken), budget.describe()));
      }
      budget.take(taken);
      return new CappedTrainingPlan(plan, () -> budget.giveBack(taken));
    }
  }

  /** Says which batch would fit: training cannot be cut, for the batch decides on batch norms. */
  private String remedy(NetworkSpec network, TrainingOptions options, int shards) {
    for (int batch = options.batch() / 2; batch >= shards; batch /= 2) {
      boolean divides = batch % shards == 0;
      if (divides && trainingBytes(network, options.withBatch(batch), shards) <= budget.left()) {
        return "allow more, or train with " + batch + " and accumulate gradients";
      }
    }
    return "allow more";
  }

  /** Of all shards, each of which is a plan of its own. */
  private long trainingBytes(NetworkSpec network, TrainingOptions options, int shards) {
    int batch = Math.max(1, options.batch() / shards);
    return shards * device(engine.trainingMemory(network, options.withBatch(batch)));
  }

  /** Bytes that a plan takes of the device's memory. */
  static long device(PlanMemory memory) {
    return memory.weights() + memory.activations() + memory.workspace();
  }

  @Override
  public void close() {
    engine.close();
  }

  @Override
  public String toString() {
    return engine.toString();
  }
}
