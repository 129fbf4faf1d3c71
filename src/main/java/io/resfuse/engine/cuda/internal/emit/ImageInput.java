package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.PixelScaling;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.program.HostBuffer;
import io.resfuse.engine.cuda.internal.program.HostBuffers;
import io.resfuse.tensor.TensorLayout;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Where the caller writes images: floats, or pixels in NHWC with factors and biases behind them,
 * which so travel to the device with every batch.
 */
public final class ImageInput {
  private static final long ALIGNMENT = 256;

  private final HostBuffer buffer;
  private final Activation value;
  private final TensorLayout layout;
  private final @Nullable PixelScaling scaling;
  private @Nullable FloatBuffer floats;
  private @Nullable ByteBuffer pixels;

  /**
   * Adds the buffer.
   *
   * @param layout of floats
   * @param scaling of pixels; null for floats
   */
  public ImageInput(
      HostBuffers host, Activation value, TensorLayout layout, @Nullable PixelScaling scaling) {
    this.value = value;
    this.layout = scaling == null ? layout : TensorLayout.NHWC;
    this.scaling = scaling;
    if (scaling != null && scaling.channels() != value.channels()) {
      throw new EngineException(
          "the network takes images of "
              + value.channels()
              + " channels, the scaling of pixels is for "
              + scaling.channels());
    }
    this.buffer =
        host.add(
            scaling == null
                ? value.hostBytes()
                : scaleOffset() + 2L * Float.BYTES * scaling.channels());
  }

  private long pixelBytes() {
    return value.hostBytes() / Float.BYTES;
  }

  /** What the caller writes to, unless that is on the device. */
  public HostBuffer buffer() {
    return buffer;
  }

  /** Sizes of the images. */
  Activation value() {
    return value;
  }

  /** The order in which they lie here. */
  TensorLayout layout() {
    return layout;
  }

  boolean takesPixels() {
    return scaling != null;
  }

  /** Where the factors begin, in bytes. */
  long scaleOffset() {
    return (pixelBytes() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /** Where the biases begin, in bytes. */
  long biasOffset() {
    return scaleOffset() + (long) Float.BYTES * value.channels();
  }

  /** Makes what the caller writes to, once the buffer is allocated. */
  public void open() {
    PixelScaling present = scaling;
    if (present == null) {
      floats = HostBuffers.floats(buffer);
      return;
    }
    ByteBuffer all = buffer.memory().view();
    for (int channel = 0; channel < present.channels(); channel++) {
      int at = Float.BYTES * channel;
      all.putFloat((int) scaleOffset() + at, present.scale().get(channel));
      all.putFloat((int) biasOffset() + at, present.bias().get(channel));
    }
    pixels = all.slice(0, (int) pixelBytes());
  }

  /** The floats; the same buffer always. */
  public FloatBuffer floats() {
    FloatBuffer present = floats;
    if (present == null) {
      throw new IllegalStateException("this plan takes pixels: write them to pixels()");
    }
    return present;
  }

  /** The pixels; the same buffer always. */
  public ByteBuffer pixels() {
    ByteBuffer present = pixels;
    if (present == null) {
      throw new IllegalStateException("this plan takes floats: write them to input()");
    }
    return present;
  }
}
