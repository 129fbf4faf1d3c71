package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.Value;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.layout.StemImage;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.HostBuffer;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.tensor.TensorLayout;
import org.jspecify.annotations.Nullable;

/** Adds the ways between the caller's buffers and tensors to programs. */
public final class HostTransfers {
  private final Conversions conversions;
  private final TensorLayout layout;

  /** Where the caller writes and reads on the device; null if it does so on the host. */
  private final @Nullable DeviceBuffers onDevice;

  public HostTransfers(Emission emission, TensorLayout layout) {
    this(emission, layout, null);
  }

  /** With buffers on the device in the place of the host's, to and from which nothing is copied. */
  public HostTransfers(Emission emission, TensorLayout layout, @Nullable DeviceBuffers onDevice) {
    this.conversions = new Conversions(emission);
    this.layout = layout;
    this.onDevice = onDevice;
  }

  private Buffer staging(Program program, HostBuffer host) {
    return onDevice == null ? program.timeline().activation(host.bytes()) : onDevice.of(host);
  }

  /**
   * The image, as the first operation wants it.
   *
   * @param stem how it lies on the device
   */
  public Buffer image(Program program, ImageInput input, StemImage stem, ElementType type) {
    Buffer staging = staging(program, input.buffer());
    Buffer image = program.timeline().activation(stem.tensor().bytes(type));
    if (onDevice == null) {
      program.copyToDevice(input.buffer(), staging);
    }
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
    Buffer staging = staging(program, host);
    conversions.unpack(program, label, tensor, shape, layout, staging);
    if (onDevice == null) {
      program.copyToHost(staging, host);
    }
  }
}
