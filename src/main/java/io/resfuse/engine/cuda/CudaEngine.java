package io.resfuse.engine.cuda;

import io.resfuse.engine.DeviceMeter;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.KernelSuite;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Sharding;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.engine.cuda.internal.backend.Backend;
import io.resfuse.engine.cuda.internal.backend.KernelBackend;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.Device;
import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import io.resfuse.engine.cuda.internal.driver.Driver;
import io.resfuse.engine.cuda.internal.driver.Graph;
import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.emit.Toolkit;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.kernels.KernelLibrary;
import io.resfuse.engine.cuda.internal.kernels.Tile;
import io.resfuse.engine.cuda.internal.kernels.UserKernels;
import io.resfuse.engine.cuda.internal.program.DeviceStopwatch;
import io.resfuse.engine.cuda.internal.program.Resources;
import io.resfuse.engine.cuda.internal.program.WorkTimer;
import io.resfuse.engine.cuda.internal.tiles.Autotuner;
import io.resfuse.engine.cuda.internal.tiles.TileChooser;
import io.resfuse.engine.cuda.internal.tiles.TuningCache;
import io.resfuse.engine.spi.Lifetime;
import io.resfuse.engine.spi.ShardedTrainingPlan;
import io.resfuse.platform.NativeFiles;
import io.resfuse.platform.UserFolders;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * Our kernels on one device. Thread-safe. It has a context of its own: a fault of a kernel makes
 * the engine and its plans unusable, but neither the process nor another engine.
 */
final class CudaEngine implements Engine, DeviceMeter, KernelSuite {
  private final Context context;
  private final Toolkit toolkit;
  private final Resources resources;
  private final Lifetime lifetime;
  private final Backend kernelBackend = new KernelBackend();
  private final Runnable onClose;

  /** Whether sums of inference are not cut into slices, whose number depends on the batch. */
  private final boolean batchInvariant;

  CudaEngine(Device device, boolean autotune, boolean batchInvariant) {
    this(device, UserKernels.none(), context -> tiles(context, autotune), batchInvariant);
  }

  /** With tiles as estimated: times of a user's kernels are not those of ours. */
  CudaEngine(Device device, UserKernels userKernels) {
    this(device, userKernels, any -> TileChooser.ESTIMATES, false);
  }

  /** Loads the user's kernels before any is asked for. */
  CudaEngine withUserKernelsLoaded() {
    boolean done = false;
    try {
      toolkit.kernels().loadUserKernels();
      done = true;
      return this;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  /**
   * For tests.
   *
   * @param tiles makes what decides on tiles
   */
  CudaEngine(Device device, Function<Context, TileChooser> tiles) {
    this(device, UserKernels.none(), tiles, false);
  }

  private CudaEngine(
      Device device,
      UserKernels userKernels,
      Function<Context, TileChooser> tiles,
      boolean batchInvariant) {
    this.batchInvariant = batchInvariant;
    this.context = new Context(device);
    this.resources = new Resources();
    this.lifetime = new Lifetime("engine " + CudaProvider.NAME, resources::close);
    this.onClose = lifetime::close;
    resources.own(context, context::close);
    boolean done = false;
    try {
      KernelLibrary kernels = new KernelLibrary(context, !SoftCuda.isLoaded(), userKernels);
      resources.own(kernels, kernels::close);
      this.toolkit = new Toolkit(device, kernels, tiles.apply(context));
      done = true;
    } finally {
      if (!done) {
        resources.close();
      }
    }
  }

  /** A view of an engine that divides work otherwise, or has other kernels. */
  private CudaEngine(CudaEngine owner, Toolkit toolkit, Runnable onClose) {
    this.context = owner.context;
    this.resources = owner.resources;
    this.lifetime = owner.lifetime;
    this.toolkit = toolkit;
    this.batchInvariant = owner.batchInvariant;
    this.onClose = onClose;
  }

  /** What decides on tiles in a context. Times of softcuda say nothing about a GPU. */
  static TileChooser tiles(Context context, boolean autotune) {
    return autotune && !SoftCuda.isLoaded() ? autotuner(context) : TileChooser.ESTIMATES;
  }

  private static TileChooser autotuner(Context context) {
    Device device = context.device();
    String environment =
        String.format(
            "%s, sm_%d, %d multiprocessors, CUDA %d, kernels %s",
            device.name(),
            device.computeCapability(),
            device.multiprocessors(),
            Driver.version(),
            NativeFiles.hash(KernelLibrary.manifest()));
    return new Autotuner(
        new TuningCache(UserFolders.cache(), environment),
        Autotuner.Stopwatch.on(new DeviceStopwatch(context)));
  }

  @Override
  public String name() {
    return CudaProvider.NAME;
  }

  @Override
  public String description() {
    int version = Driver.version();
    return (SoftCuda.isLoaded() ? "softcuda as " : "")
        + context.device()
        + ", CUDA "
        + version / 1000
        + "."
        + version % 1000 / 10;
  }

  @Override
  public Optional<String> whyNot(Precision precision, Mode mode) {
    if (precision == Precision.FP64) {
      return Optional.of(
          "engine cuda computes in fp32, tf32, bf16, fp16 and int8, not in fp64; use fp32");
    }
    return precision == Precision.INT8 && mode == Mode.TRAINING
        ? Optional.of("int8 is for inference only; train in fp32, tf32, bf16 or fp16")
        : Optional.empty();
  }

  @Override
  public boolean takesPixels() {
    return true;
  }

  @Override
  public boolean hasDevice() {
    return true;
  }

  @Override
  public void onDevice(Runnable work) {
    lifetime.during(
        () -> {
          context.during(work);
          return null;
        });
  }

  private ElementType requireType(Precision precision, Mode mode) {
    whyNot(precision, mode)
        .ifPresent(
            reason -> {
              throw new EngineException(reason);
            });
    return ElementType.of(precision);
  }

  @Override
  public LoadedNetwork load(NetworkSpec network, Parameters parameters, Precision precision) {
    return load(network, parameters, requireType(precision, Mode.INFERENCE), kernelBackend);
  }

  /** A network whose convolutions a backend runs. */
  LoadedNetwork load(
      NetworkSpec network, Parameters parameters, ElementType type, Backend backend) {
    Toolkit inference = batchInvariant ? toolkit.with(TileChooser.uncut(toolkit.tiles())) : toolkit;
    return lifetime.make(
        onClose ->
            new CudaNetwork(context, inference, network, parameters, type, backend, onClose));
  }

  @Override
  public PlanMemory trainingMemory(NetworkSpec network, TrainingOptions options) {
    return trainingMemory(network, options, kernelBackend);
  }

  /** The same where a backend runs convolutions and batch norms. */
  PlanMemory trainingMemory(NetworkSpec network, TrainingOptions options, Backend backend) {
    return lifetime.during(
        () -> {
          try (TrainingProgram program = program(network, options, backend)) {
            return program.memory();
          }
        });
  }

  private TrainingProgram program(NetworkSpec network, TrainingOptions options, Backend backend) {
    requireType(options.precision(), Mode.TRAINING);
    options.check(network);
    context.use();
    return new TrainingProgram(toolkit, network, options, backend);
  }

  @Override
  public TrainingPlan planTraining(
      NetworkSpec network, Parameters parameters, TrainingOptions options) {
    return planTraining(network, parameters, options, kernelBackend);
  }

  @Override
  public TrainingPlan planTraining(
      NetworkSpec network, Parameters parameters, TrainingOptions options, Sharding sharding) {
    return ShardedTrainingPlan.of(List.of(this), network, parameters, options, sharding);
  }

  /** Where a backend runs convolutions and batch norms. */
  TrainingPlan planTraining(
      NetworkSpec network, Parameters parameters, TrainingOptions options, Backend backend) {
    return lifetime.make(
        onClose ->
            new CudaTrainingPlan(
                context, program(network, options, backend), network, parameters, onClose));
  }

  @Override
  public String deviceName() {
    return (SoftCuda.isLoaded() ? "softcuda as " : "")
        + context.device().name()
        + " "
        + context.device().ordinal();
  }

  @Override
  public long freeBytes() {
    return lifetime.during(context::freeBytes);
  }

  @Override
  public double copySeconds(long bytes) {
    return lifetime.during(() -> timeOfCopy(bytes));
  }

  private double timeOfCopy(long bytes) {
    try (Stream stream = new Stream(context);
        DeviceMemory source = new DeviceMemory(context, bytes, "measuring a copy");
        DeviceMemory target = new DeviceMemory(context, bytes, "measuring a copy")) {
      source.fill(0);
      try (Graph graph = stream.capture(() -> stream.copy(source, target))) {
        stream.milliseconds(graph);
        return stream.milliseconds(graph) / 1e3;
      }
    }
  }

  /** Times what a library does on the device. */
  WorkTimer timer() {
    return new DeviceStopwatch(context);
  }

  /** Makes the device's context the calling thread's. */
  void enter() {
    context.use();
  }

  /** Takes over what is to be closed with the context, before it. */
  void own(Resources.Closing resource) {
    resources.own(resource, resource);
  }

  @Override
  public Set<String> kernels(Precision precision) {
    ElementType type = ElementType.of(precision);
    Set<String> names = KernelLibrary.names(type);
    if (type == ElementType.F32) {
      // Products read the masters themselves: nothing is rounded.
      names.remove("cast_f32");
    } else if (type == ElementType.U8) {
      // What has no type belongs to training.
      names.removeIf(name -> !name.contains("_" + type.suffix()));
    }
    return names;
  }

  @Override
  public Set<String> kernelsRun() {
    return toolkit.kernels().run();
  }

  @Override
  public List<KernelSuite.TileSize> tiles() {
    return tiles(Tile.ALL);
  }

  @Override
  public List<KernelSuite.TileSize> weightTiles() {
    return tiles(Tile.FOR_WEIGHTS);
  }

  private static List<KernelSuite.TileSize> tiles(List<Tile> table) {
    return table.stream()
        .map(tile -> new KernelSuite.TileSize(tile.rows(), tile.columns()))
        .toList();
  }

  private static Tile find(List<Tile> table, KernelSuite.TileSize wanted) {
    return table.stream()
        .filter(tile -> tile.rows() == wanted.rows() && tile.columns() == wanted.columns())
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("there are no kernels for " + wanted));
  }

  @Override
  public Engine divided(Division division) {
    TileChooser chooser =
        TileChooser.always(
            find(Tile.ALL, division.tile()),
            find(Tile.FOR_WEIGHTS, division.weightTile()),
            division.slices());
    Device device = toolkit.device();
    return new CudaEngine(
        this,
        division.small()
            ? new Toolkit(
                device.withMultiprocessors(1),
                toolkit.kernels(),
                chooser,
                Toolkit.Thresholds.SMALLEST,
                toolkit.guarded())
            : new Toolkit(
                device, toolkit.kernels(), chooser, Toolkit.Thresholds.USUAL, toolkit.guarded()),
        () -> {});
  }

  @Override
  public Engine guarded() {
    return new CudaEngine(this, toolkit.withGuards(), () -> {});
  }

  /**
   * The same engine with a user's kernels, loaded at once; all other kernels are loaded once for
   * both. To be closed before this, with all that was made of it.
   */
  CudaEngine replacing(UserKernels kernels) {
    context.use();
    KernelLibrary library = toolkit.kernels().replacing(kernels);
    Toolkit other =
        new Toolkit(
            toolkit.device(), library, toolkit.tiles(), toolkit.thresholds(), toolkit.guarded());
    return new CudaEngine(this, other, library::close).withUserKernelsLoaded();
  }

  /** Whether a fault has made it unusable. */
  boolean isBroken() {
    return context.isBroken();
  }

  @Override
  public void close() {
    onClose.run();
  }

  /** The name and the device. */
  @Override
  public String toString() {
    return name() + " (" + description() + ")";
  }
}
