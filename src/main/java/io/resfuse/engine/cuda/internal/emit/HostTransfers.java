package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.Value;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.layout.StemImage;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.HostBuffer;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.tensor.TensorLayout;

/** Adds the ways between the caller's buffers and tensors to programs. */
public final class HostTransfers {
  private final Conversions conversions;
  private final TensorLayout layout;

  public HostTransfers(Emission emission, TensorLayout layout) {
    this.conversions = new Conversions(emission);
    this.layout = layout;
  }

  /**
   * The image, as the first operation wants it.
   *
   * @param stem how it lies on the device
   */
  public Buffer image(Program program, ImageInput input, StemImage stem, ElementType type) {
    Buffer staging = program.timeline().activation(input.buffer().bytes());
    Buffer image = program.timeline().activation(stem.tensor().bytes(type));
    program.copyToDevice(input.buffer(), staging);
    conversions.packImages(program, staging, input, stem, image);
    return image;
  }

  /** A gradient that the caller gives, written to a tensor or added to it. */
  public void gradient(
      Program program,
      Value value,
      HostBuffer host,
      Activation shape,
      Buffer target,
      boolean accumulate) {
    Buffer staging = program.timeline().activation(host.bytes());
    program.copyToDevice(host, staging);
    conversions.pack(
        program, "gradient of " + value.name(), staging, layout, shape, target, accumulate);
  }

  /** A result for the caller. */
  public void result(
      Program program, String label, Buffer tensor, Activation shape, HostBuffer host) {
    Buffer staging = program.timeline().activation(host.bytes());
    conversions.unpack(program, label, tensor, shape, layout, staging);
    program.copyToHost(staging, host);
  }
}
