package io.resfuse.cli;

import io.resfuse.engine.ConvolutionAlgorithm;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Precision;
import io.resfuse.engine.cuda.ChangingKernels;
import io.resfuse.engine.cuda.CudaProvider;
import io.resfuse.engine.cuda.internal.kernels.UserKernels;
import io.resfuse.engine.onednn.OneDnnProvider;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** On what a command runs; every command opens its engines here, also those of other modules. */
public final class EngineChoice {
  /** The engine that defines what is right. */
  static final String REFERENCE = "reference";

  /** The CPU engine. */
  static final String CPU = "onednn";

  private static final String SOFTCUDA = "softcuda";

  @Option(
      names = "--engine",
      paramLabel = "ENGINE",
      description =
          "Run on this engine: auto, or one of those that 'resfuse devices' lists (default:"
              + " ${DEFAULT-VALUE}).")
  private String engine = Engines.AUTO;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      description =
          "Run on this device of the engine, or on several: 0, 0,1, all, softcuda, softcuda:0,1,"
              + " softcuda:all (default: the first).")
  private String device = "";

  @Option(
      names = "--precision",
      paramLabel = "PRECISION",
      description =
          "Compute in fp32, tf32, bf16, fp16, or with quantised weights in int8 (default: fp32; fp64"
              + " on the reference engine).")
  private String precision;

  @Mixin private CpuOptions cpu;

  @Option(
      names = "--autotune",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description =
          "Whether engine cuda times its tiles on a GPU and remembers the fastest (default: it"
              + " does).")
  private boolean autotune = true;

  /** What is chosen where the command line says nothing; picocli makes one, as a mixin. */
  public EngineChoice() {}

  /**
   * The engine that was asked for.
   *
   * @return an engine, to be closed
   * @throws EngineException if it cannot run here; one line says why
   */
  public Engine open() {
    return open(engine, options());
  }

  /** The same with all the memory that there is: for those who look at its kernels. */
  Engine openWhole() {
    return open(engine, options().withMaxMemory(0));
  }

  /** Another engine, on as many threads. */
  Engine open(String name, String ofDevice) {
    return open(name, options(ofDevice));
  }

  /** The reference engine, on as many threads. */
  Engine reference() {
    return reference(options(""));
  }

  /** The reference engine, which needs no device, with all the memory that there is. */
  static Engine reference(EngineOptions options) {
    return open(REFERENCE, options.withMaxMemory(0));
  }

  /**
   * An engine that runs pictures for calibration, one at a time: the CPU's, or the reference engine
   * where that cannot run.
   */
  static Engine calibrating() {
    EngineOptions single = new EngineOptions(1, "").withConvolutions(ConvolutionAlgorithm.DIRECT);
    return open(isCpuUsable(single) ? CPU : REFERENCE, single);
  }

  /** Whether the CPU engine can run here. */
  static boolean isCpuUsable(EngineOptions options) {
    return new OneDnnProvider().probe(options).available();
  }

  private static Engine open(String name, EngineOptions options) {
    return Engines.open(name, options);
  }

  /** The CUDA engine with a user's kernels; no other takes any. */
  Engine open(UserKernels kernels) {
    CudaProvider provider = new CudaProvider();
    if (!engine.equals(provider.name()) && !engine.equals(Engines.AUTO)) {
      throw new IllegalArgumentException(
          "engine " + engine + " takes no kernels; only --engine " + provider.name() + " does");
    }
    return provider.open(options(), kernels);
  }

  /** The CUDA engine on softcuda. */
  Engine softCuda() {
    return new CudaProvider().open(cpu.on(SOFTCUDA, false));
  }

  /** Softcuda with one kernel after the other in the place of ours. */
  ChangingKernels changingKernels() {
    return new ChangingKernels(cpu.on(SOFTCUDA, false));
  }

  /** Whether softcuda may be what was asked for. */
  boolean allowsSoftCuda() {
    return (engine.equals("cuda") || engine.equals(Engines.AUTO))
        && (device.isEmpty() || device.equals(SOFTCUDA))
        && precision == null;
  }

  EngineOptions options() {
    return options(device);
  }

  private EngineOptions options(String ofDevice) {
    return cpu.on(ofDevice, autotune);
  }

  /**
   * The precision that was asked for.
   *
   * @return null for the engine's usual one
   */
  public @Nullable Precision precision() {
    return precision == null ? null : Precision.parse(precision);
  }

  /** The precision that was asked for, or null. */
  @Nullable String askedPrecision() {
    return precision;
  }

  /** The precision asked for, or the engine's usual one, checked. */
  Precision precision(Engine opened, Engine.Mode mode) {
    return precision(opened, precision, mode);
  }

  /** A precision asked for, or an engine's usual one, checked. */
  static Precision precision(Engine opened, @Nullable String asked, Engine.Mode mode) {
    Precision chosen =
        asked == null
            ? opened.name().equals(REFERENCE) ? Precision.FP64 : Precision.FP32
            : Precision.parse(asked);
    opened
        .whyNot(chosen, mode)
        .ifPresent(
            why -> {
              throw new EngineException(
                  "engine " + opened.name() + " cannot run in " + chosen + ": " + why);
            });
    return chosen;
  }
}
