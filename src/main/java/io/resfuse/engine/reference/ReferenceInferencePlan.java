package io.resfuse.engine.reference;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Value;
import io.resfuse.engine.spi.AbstractInferencePlan;
import java.nio.FloatBuffer;
import java.util.LinkedHashMap;
import java.util.Map;

/** Runs a network forward. Beyond the SPI, outputs can be read without rounding to float32. */
public final class ReferenceInferencePlan extends AbstractInferencePlan {
  private final Runnable onClose;
  private final PlanMemory memory;
  private final Program program;
  private final Workspace workspace;
  private final Tensor image;
  private final FloatBuffer input;
  private final Map<String, FloatBuffer> outputs = new LinkedHashMap<>();

  ReferenceInferencePlan(
      NetworkSpec loaded,
      Program program,
      PlanRequest request,
      ParameterStore parameters,
      Rounding rounding,
      Loop loop,
      Runnable onClose) {
    super(loaded, request);
    this.onClose = onClose;
    this.program = program;
    NetworkSpec network = program.network();
    this.workspace = new Workspace(program, request, null, parameters, rounding, loop);
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
  protected FloatBuffer inputBuffer() {
    return input;
  }

  @Override
  protected void runForward() {
    image.read(input, request().layout());
    boolean[] finite = program.integers() == null ? null : image.finiteImages();
    Encoding stored = program.encoding(network().input());
    if (stored != null) {
      ConvertStep.encode(image.data, image.data, stored);
    }
    workspace.forward(program.network(), false);
    outputs.forEach(
        (name, buffer) -> {
          Value value = network().output(name);
          Tensor result = real(value);
          if (finite != null) {
            result.spoil(finite);
          }
          result.write(buffer, request().layout());
        });
  }

  /** A value as reals: a copy where integers are stored. */
  private Tensor real(Value value) {
    Tensor tensor = workspace.value(value);
    Encoding stored = program.encoding(value);
    if (stored == null) {
      return tensor;
    }
    Tensor decoded = tensor.copy();
    ConvertStep.decode(tensor.data, decoded.data, stored);
    return decoded;
  }

  @Override
  protected FloatBuffer outputBuffer(String name) {
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
    checkOutput(name);
    return real(network().output(name)).toNchw();
  }

  @Override
  public PlanMemory memory() {
    return memory;
  }

  @Override
  protected double time(String operation, Runnable coolCaches) {
    return workspace.seconds(program.network(), operation, false, coolCaches);
  }

  @Override
  protected void release() {
    onClose.run();
  }
}
