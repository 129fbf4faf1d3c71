package io.resfuse.engine.cuda;

import io.resfuse.engine.Value;
import io.resfuse.tensor.TensorLayout;

/** Adds the ways between the caller's buffers and tensors to programs. */
final class HostTransfers {
  private final Conversions conversions;
  private final TensorLayout layout;

  HostTransfers(Emission emission, TensorLayout layout) {
    this.conversions = new Conversions(emission);
    this.layout = layout;
  }

  /**
   * The image, as the first operation wants it.
   *
   * @param tensor its sizes on the device, with the border of a stem where there is one
   * @param border rows and columns of zeros before the first pixel
   */
  Buffer image(
      Program program,
      HostBuffer host,
      Activation value,
      Activation tensor,
      int border,
      long bytes) {
    Buffer staging = program.timeline().activation(host.bytes());
    Buffer image = program.timeline().activation(bytes);
    program.copyToDevice(host, staging);
    conversions.pack(program, "images", staging, layout, value, tensor, border, image, false);
    return image;
  }

  /** A gradient that the caller gives, written to a tensor or added to it. */
  void gradient(
      Program program,
      Value value,
      HostBuffer host,
      Activation shape,
      Buffer target,
      boolean accumulate) {
    Buffer staging = program.timeline().activation(host.bytes());
    program.copyToDevice(host, staging);
    conversions.pack(
        program,
        "gradient of " + value.name(),
        staging,
        layout,
        shape,
        shape,
        0,
        target,
        accumulate);
  }

  /** A result for the caller. */
  void result(Program program, String label, Buffer tensor, Activation shape, HostBuffer host) {
    Buffer staging = program.timeline().activation(host.bytes());
    conversions.unpack(program, label, tensor, shape, layout, staging);
    program.copyToHost(staging, host);
  }
}
