package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.Encoding;
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
  private final ByteConversions bytes;
  private final TensorLayout layout;

  /** Where the caller writes and reads on the device; null if it does so on the host. */
  private final @Nullable DeviceBuffers onDevice;

  /** Whether results of images that are not finite are made NaN at the end: bytes have no NaN. */
  private final boolean spoils;

  /** Which images are not finite; null before there are images, and if all are. */
  private @Nullable Buffer broken;

  public HostTransfers(Emission emission, TensorLayout layout) {
    this(emission, layout, null, false);
  }

  /**
   * With buffers on the device in the place of the host's, to and from which nothing is copied.
   *
   * @param spoils whether to make NaN of the results of images that are not finite
   */
  public HostTransfers(
      Emission emission, TensorLayout layout, @Nullable DeviceBuffers onDevice, boolean spoils) {
    this.conversions = new Conversions(emission);
    this.bytes = new ByteConversions(emission);
    this.spoils = spoils;
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
    Buffer staging = arrived(program, input);
    Buffer image = program.timeline().activation(stem.tensor().bytes(type));
    conversions.packImages(program, staging, input, stem, image);
    return image;
  }

  /** The image in bytes, as the first operation wants it. */
  public Buffer encodedImage(Program program, ImageInput input, StemImage stem, Encoding encoding) {
    Buffer staging = arrived(program, input);
    Buffer image = program.timeline().activation(stem.tensor().bytes(ElementType.U8));
    bytes.encodeImages(program, staging, input, stem, encoding, image);
    return image;
  }

  private Buffer arrived(Program program, ImageInput input) {
    Buffer staging = staging(program, input.buffer());
    if (onDevice == null) {
      program.copyToDevice(input.buffer(), staging);
    }
    if (spoils && !input.takesPixels()) {
      broken = bytes.brokenImages(program, staging, input.value());
    }
    return staging;
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
    if (broken != null) {
      bytes.spoilImages(program, label, staging, shape, broken);
    }
    if (onDevice == null) {
      program.copyToHost(staging, host);
    }
  }
}
