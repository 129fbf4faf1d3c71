package io.resfuse.engine.reference;

import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Value;
import io.resfuse.tensor.Shape;
import java.nio.FloatBuffer;
import java.util.LinkedHashMap;
import java.util.Map;

/** Runs a network forward. Beyond the SPI, outputs can be read without rounding to float32. */
public final class ReferenceInferencePlan implements InferencePlan, OperationTimer {
  private final NetworkSpec network;
  private final PlanRequest request;
  private final PlanMemory memory;
  private final Workspace workspace;
  private final Tensor image;
  private final FloatBuffer input;
  private final Map<String, FloatBuffer> outputs = new LinkedHashMap<>();
  private boolean closed;

  ReferenceInferencePlan(
      NetworkSpec loaded,
      PlanRequest request,
      ParameterStore parameters,
      Rounding rounding,
      Loop loop) {
    this.network = loaded.restrictedTo(request.outputs());
    this.request = request;
    this.workspace = new Workspace(network, request, null, parameters, rounding, loop);
    this.image = workspace.value(network.input());
    this.input = HostBuffers.like(image);
    long host = image.data.length;
    for (Map.Entry<String, Value> output : network.outputs().entrySet()) {
      Tensor value = workspace.value(output.getValue());
      outputs.put(output.getKey(), HostBuffers.like(value));
      host += value.data.length;
    }
    long activations = workspace.bytes();
    this.memory =
        new PlanMemory(
            parameters.bytes(),
            activations,
            activations,
            workspace.scratchBytes(),
            Float.BYTES * host);
  }

  @Override
  public PlanRequest request() {
    return request;
  }

  @Override
  public FloatBuffer input() {
    checkOpen();
    return input;
  }

  @Override
  public void run() {
    checkOpen();
    image.read(input, request.layout());
    workspace.forward(network, false);
    outputs.forEach(
        (name, buffer) -> workspace.value(network.output(name)).write(buffer, request.layout()));
  }

  @Override
  public FloatBuffer output(String name) {
    checkOpen();
    network.output(name);
    return outputs.get(name);
  }

  /**
   * An output of the last {@link #run} as it was computed.
   *
   * @param name one of the request's outputs
   * @return a copy in NCHW order, whatever the layout
   */
  public double[] exactOutput(String name) {
    checkOpen();
    return workspace.value(network.output(name)).toNchw();
  }

  @Override
  public Shape outputShape(String name) {
    return network
        .shapes(request.batch(), request.height(), request.width())
        .get(network.output(name).id());
  }

  @Override
  public PlanMemory memory() {
    return memory;
  }

  @Override
  public double seconds(String operation, Runnable coolCaches) {
    checkOpen();
    return workspace.seconds(network, operation, false, coolCaches);
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("this plan of " + network.name() + " is closed");
    }
  }

  @Override
  public void close() {
    closed = true;
  }
}
