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
import io.resfuse.engine.cuda.internal.layout.Layouts;

/** Packed weights on the device, and the plans that share them. Thread-safe by one lock. */
final class CudaNetwork implements LoadedNetwork {
  private final Context context;
  private final Toolkit toolkit;
  private final NetworkSpec network;
  private final ElementType type;
  private final Layouts layouts;
  private final NetworkWeights weights;
  private final DeviceMemory memory;
  private final Backend backend;
  private int plans;
  private boolean closed;

  CudaNetwork(
      Context context,
      Toolkit toolkit,
      NetworkSpec network,
      Parameters parameters,
      ElementType type,
      Backend backend) {
    this.context = context;
    this.toolkit = toolkit;
    this.network = network;
    this.type = type;
    this.backend = backend;
    this.layouts = backend.layouts(network, type, true);
    this.weights = new NetworkWeights(network, layouts, type, backend.foldsScales());
    this.memory = weights.load(context, parameters);
  }

  @Override
  public NetworkSpec network() {
    return network;
  }

  @Override
  public synchronized PlanMemory memory(PlanRequest request) {
    checkOpen();
    try (InferenceProgram program = program(request)) {
      return program.memory();
    }
  }

  @Override
  public synchronized InferencePlan plan(PlanRequest request) {
    checkOpen();
    InferencePlan plan = new CudaInferencePlan(context, program(request), memory, this::planClosed);
    plans++;
    return plan;
  }

  private InferenceProgram program(PlanRequest request) {
    context.use();
    return new InferenceProgram(toolkit, type, network, layouts, weights, backend, request);
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
      memory.close();
    }
  }
}
