package io.resfuse.engine.cuda;

import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.cuda.internal.backend.Backend;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import io.resfuse.engine.cuda.internal.emit.Toolkit;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.spi.Lifetime;
import io.resfuse.engine.spi.RecordedPlans;

/** Packed weights on the device, and the plans that share them. Thread-safe. */
final class CudaNetwork implements LoadedNetwork {
  private final Context context;
  private final Toolkit toolkit;
  private final NetworkSpec network;
  private final PackedNetwork packed;
  private final DeviceMemory memory;
  private final Lifetime lifetime;

  /**
   * Brings the weights to the device.
   *
   * @param onFree called once, when this is closed and all its plans are; not if this constructor
   *     throws
   */
  CudaNetwork(
      Context context,
      Toolkit toolkit,
      NetworkSpec network,
      Parameters parameters,
      ElementType type,
      Backend backend,
      Runnable onFree) {
    this.context = context;
    this.toolkit = toolkit;
    this.network = network;
    this.packed =
        new PackedNetwork(
            network,
            type,
            backend,
            type == ElementType.U8 ? parameters.requireQuantization(network) : null);
    this.memory = packed.load(context, parameters);
    this.lifetime =
        new Lifetime(
            "network " + network.name(),
            () -> {
              try {
                memory.close();
              } finally {
                onFree.run();
              }
            });
  }

  @Override
  public NetworkSpec network() {
    return network;
  }

  @Override
  public long weightBytes() {
    return memory.bytes();
  }

  @Override
  public synchronized PlanMemory memory(PlanRequest request) {
    return lifetime.during(
        () -> {
          try (InferenceProgram program = program(request)) {
            return program.memory();
          }
        });
  }

  @Override
  public synchronized InferencePlan plan(PlanRequest request) {
    return RecordedPlans.make(
        this,
        request,
        () ->
            lifetime.make(
                onClose -> new CudaInferencePlan(context, program(request), memory, onClose)));
  }

  private InferenceProgram program(PlanRequest request) {
    context.use();
    return packed.program(toolkit, request);
  }

  @Override
  public void close() {
    lifetime.close();
  }
}
