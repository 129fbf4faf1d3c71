package io.resfuse.engine.cudnn;

import io.resfuse.engine.DeviceMeter;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Sharding;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.engine.cuda.BackendHost;
import io.resfuse.engine.cuda.internal.backend.Backend;
import io.resfuse.engine.cuda.internal.library.LibraryBackend;
import io.resfuse.engine.cudnn.internal.dnn.AlgorithmChoice;
import io.resfuse.engine.cudnn.internal.dnn.Dnn;
import io.resfuse.engine.cudnn.internal.dnn.DnnType;
import io.resfuse.engine.cudnn.internal.dnn.Handle;
import io.resfuse.engine.cudnn.internal.dnn.Planner;
import io.resfuse.engine.spi.ShardedTrainingPlan;
import io.resfuse.platform.Settings;
import java.util.List;
import java.util.Optional;

/**
 * cuDNN's convolutions and, in training, its batch norms; everything else as in the engine {@code
 * cuda}. Thread-safe.
 *
 * <p>{@link Settings#CUDNN_ALGORITHMS} says how cuDNN's algorithms are chosen: {@code heuristics},
 * the default, or {@code measurement}. With {@link Settings#CUDNN_TENSOR_CORES} set to {@code
 * false} tensor cores are not used.
 */
final class CudnnEngine implements Engine, DeviceMeter {
  private final BackendHost host;
  private final Handle handle;
  private final AlgorithmChoice choice;
  private final boolean tensorCores;

  /** Opens cuDNN, which is loaded, on a device. */
  CudnnEngine(EngineOptions options) {
    this.choice = algorithmChoice(Settings.CUDNN_ALGORITHMS.value().orElse("heuristics"));
    this.tensorCores = Boolean.parseBoolean(Settings.CUDNN_TENSOR_CORES.value().orElse("true"));
    this.host = new BackendHost(options);
    try {
      this.handle = new Handle();
    } catch (EngineException e) {
      host.close();
      throw e;
    }
    host.own(handle::close);
  }

  /** The choice that a property names. */
  static AlgorithmChoice algorithmChoice(String name) {
    return switch (name) {
      case "heuristics" -> AlgorithmChoice.HEURISTICS;
      case "measurement" -> AlgorithmChoice.MEASUREMENT;
      default ->
          throw new EngineException(
              "-D"
                  + Settings.CUDNN_ALGORITHMS.key()
                  + "="
                  + name
                  + ": use heuristics or measurement");
    };
  }

  @Override
  public String name() {
    return CudnnProvider.NAME;
  }

  @Override
  public String description() {
    return "cuDNN " + Dnn.version() + " on " + host.description();
  }

  @Override
  public boolean hasDevice() {
    return true;
  }

  @Override
  public void onDevice(Runnable work) {
    host.onDevice(work);
  }

  @Override
  public Optional<String> whyNot(Precision precision, Mode mode) {
    return CudnnProvider.whyNot(precision);
  }

  @Override
  public boolean takesPixels() {
    return true;
  }

  private Backend backend(Precision precision, Mode mode) {
    whyNot(precision, mode)
        .ifPresent(
            reason -> {
              throw new EngineException(reason);
            });
    return new LibraryBackend(
        new CudnnOperations(
            new Planner(handle, choice, host.timer()), DnnType.of(precision), tensorCores));
  }

  @Override
  public LoadedNetwork load(NetworkSpec network, Parameters parameters, Precision precision) {
    return host.load(network, parameters, precision, backend(precision, Mode.INFERENCE));
  }

  @Override
  public PlanMemory trainingMemory(NetworkSpec network, TrainingOptions options) {
    return host.trainingMemory(network, options, backend(options.precision(), Mode.TRAINING));
  }

  @Override
  public TrainingPlan planTraining(
      NetworkSpec network, Parameters parameters, TrainingOptions options) {
    Backend backend = backend(options.precision(), Mode.TRAINING);
    return host.planTraining(network, parameters, options, backend);
  }

  @Override
  public TrainingPlan planTraining(
      NetworkSpec network, Parameters parameters, TrainingOptions options, Sharding sharding) {
    return ShardedTrainingPlan.of(List.of(this), network, parameters, options, sharding);
  }

  @Override
  public String deviceName() {
    return host.deviceName();
  }

  @Override
  public long freeBytes() {
    return host.freeBytes();
  }

  @Override
  public double copySeconds(long bytes) {
    return host.copySeconds(bytes);
  }

  @Override
  public void close() {
    host.close();
  }

  /** The name, the library and the device. */
  @Override
  public String toString() {
    return name() + " (" + description() + ")";
  }
}
