package io.resfuse.engine.cuda;

import io.resfuse.engine.DeviceMeter;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.EngineProvider.Availability;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.engine.cuda.internal.backend.Backend;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.program.Resources;
import io.resfuse.engine.cuda.internal.program.WorkTimer;
import io.resfuse.platform.Platform;

/**
 * A CUDA device for an engine with a {@link Backend} of its own for convolutions and, in training,
 * batch norms: memory, transfers, pools, linear layers, loss and optimizer are those of the engine
 * {@code cuda}. Thread-safe. The device's context is that of the thread that opened it.
 */
public final class BackendHost implements DeviceMeter, AutoCloseable {
  private final CudaEngine engine;

  /**
   * Looks whether there is a GPU. softcuda is none: libraries bring machine code.
   *
   * @param options which device
   * @return whether, which, or why not
   */
  public static Availability probe(EngineOptions options) {
    if (options.device().equals(CudaDevice.SOFTCUDA) || SoftCuda.isLoaded()) {
      return new Availability(
          false, "its kernels are machine code of GPUs, and softcuda runs PTX only");
    }
    return CudaDevice.whyNoNatives(Platform.current())
        .map(reason -> new Availability(false, reason))
        .orElseGet(
            () ->
                CudaDevice.hasGpu()
                    ? CudaDevice.probe(options)
                    : new Availability(false, CudaDevice.NO_GPU));
  }

  /**
   * Opens a device, with a context of its own.
   *
   * @param options which device
   * @throws io.resfuse.engine.EngineException if there is none
   */
  public BackendHost(EngineOptions options) {
    this.engine = new CudaEngine(CudaDevice.find(options), options.autotune(), false);
  }

  /**
   * The device.
   *
   * @return one line for people
   */
  public String description() {
    return engine.description();
  }

  @Override
  public String deviceName() {
    return engine.deviceName();
  }

  @Override
  public long freeBytes() {
    return engine.freeBytes();
  }

  @Override
  public double copySeconds(long bytes) {
    return engine.copySeconds(bytes);
  }

  /**
   * A clock for what the library could do in several ways.
   *
   * @return of the device; not to be used after {@link #close}
   */
  public WorkTimer timer() {
    return engine.timer();
  }

  /**
   * Takes over what a library holds on the device: it is closed before the context, when this is
   * closed and all networks and plans are.
   *
   * @param resource to be closed; its thread has the device's context then
   */
  public void own(Resources.Closing resource) {
    engine.own(
        () -> {
          engine.enter();
          resource.close();
        });
  }

  /**
   * Does work of the caller's own on the device.
   *
   * @param work calls the driver
   */
  public void onDevice(Runnable work) {
    engine.onDevice(work);
  }

  /** Makes the device's context the calling thread's, for what a library does by itself. */
  public void enter() {
    engine.enter();
  }

  /**
   * Brings a network's weights to the device.
   *
   * @param network what to run
   * @param parameters its weights
   * @param precision in which precision, not fp64
   * @param backend runs the convolutions of the network's plans
   * @return a network from which plans are made
   */
  public LoadedNetwork load(
      NetworkSpec network, Parameters parameters, Precision precision, Backend backend) {
    return engine.load(network, parameters, ElementType.of(precision), backend);
  }

  /**
   * Computes what a training plan would need.
   *
   * @param network what to train
   * @param options how, in a precision other than fp64
   * @param backend runs convolutions and batch norms
   * @return the memory of {@link #planTraining}
   */
  public PlanMemory trainingMemory(NetworkSpec network, TrainingOptions options, Backend backend) {
    return engine.trainingMemory(network, options, backend);
  }

  /**
   * Makes a training plan.
   *
   * @param network what to train
   * @param parameters initial values
   * @param options how, in a precision other than fp64
   * @param backend runs convolutions and batch norms
   * @return with one owner
   */
  public TrainingPlan planTraining(
      NetworkSpec network, Parameters parameters, TrainingOptions options, Backend backend) {
    return engine.planTraining(network, parameters, options, backend);
  }

  /** Refuses new networks and plans; destroys the context once those that there are are closed. */
  @Override
  public void close() {
    engine.close();
  }
}
