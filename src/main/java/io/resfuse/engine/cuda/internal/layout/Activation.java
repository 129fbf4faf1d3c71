package io.resfuse.engine.cuda.internal.layout;

import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.tensor.Shape;

/**
 * The tensor of an activation on the device: NHWC, the channels of a pixel padded with zeros to
 * {@code pitch} elements. Flat values have one pixel per image.
 */
public record Activation(int images, int height, int width, int channels, int pitch) {
  /** Channels of tensors are padded to multiples of it: 16 bytes of the smallest types. */
  public static final int CHANNEL_MULTIPLE = 8;

  /** The same where tensors of bytes are among them: 16 bytes of these. */
  public static final int CHANNEL_MULTIPLE_OF_BYTES = 16;

  /** The tensor for a value's shape, (batch, channels) or (batch, channels, height, width). */
  static Activation of(Shape shape) {
    return of(shape, CHANNEL_MULTIPLE);
  }

  /** The same with channels padded to another multiple. */
  static Activation of(Shape shape, int multiple) {
    boolean flat = shape.rank() == 2;
    return new Activation(
        shape.dimension(0),
        flat ? 1 : shape.dimension(2),
        flat ? 1 : shape.dimension(3),
        shape.dimension(1),
        pad(shape.dimension(1), multiple));
  }

  /** The next multiple of {@link #CHANNEL_MULTIPLE}. */
  public static int pad(int channels) {
    return pad(channels, CHANNEL_MULTIPLE);
  }

  static int pad(int channels, int multiple) {
    return (channels + multiple - 1) / multiple * multiple;
  }

  /** The same with other distances between pixels. */
  Activation withPitch(int elements) {
    return new Activation(images, height, width, channels, elements);
  }

  /** Pixels of all images. */
  public int rows() {
    return images * height * width;
  }

  public long elements() {
    return (long) rows() * pitch;
  }

  public long bytes(ElementType type) {
    return elements() * type.bytes();
  }

  /** Floats of the value in the host's buffers, which have no padding. */
  public long hostBytes() {
    return (long) rows() * channels * Float.BYTES;
  }
}
