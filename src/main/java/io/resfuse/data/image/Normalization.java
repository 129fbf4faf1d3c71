package io.resfuse.data.image;

import io.resfuse.tensor.TensorLayout;
import java.nio.FloatBuffer;
import java.util.List;

/**
 * From 8-bit samples to the floats that a network was trained on: {@code (sample / divisor - mean)
 * / std} per channel, each step in float32 as torchvision's {@code ToTensor} and {@code Normalize}
 * do it. Immutable; any thread may use it.
 */
public final class Normalization {
  /** Which channels the network takes, in which order. */
  public enum Channels {
    /** Red, green, blue. */
    RGB(3),
    /** Blue, green, red, as Caffe and the nets that stem from it. */
    BGR(3),
    /** One channel of luma. */
    GREY(1),
    /** Red, green, blue and alpha, which is 255 (opaque) for pictures that have none. */
    RGBA(4);

    private static final byte OPAQUE = (byte) 255;

    private final int count;

    Channels(int count) {
      this.count = count;
    }

    /**
     * How many.
     *
     * @return 4, 3 or 1
     */
    public int count() {
      return count;
    }

    /**
     * Copies a picture's samples in these channels, in their order.
     *
     * @param image of any channels
     * @param target (height, width, channel)
     */
    public void copy(Image image, byte[] target) {
      byte[] source = image.pixels();
      int pixels = image.width() * image.height();
      if (image.channels() == count && this != BGR) {
        System.arraycopy(source, 0, target, 0, pixels * count);
        return;
      }
      int step = image.channels();
      for (int i = 0; i < pixels; i++) {
        if (this == GREY) {
          target[i] = (byte) luma(source, step * i);
        } else {
          for (int channel = 0; channel < 3; channel++) {
            target[count * i + channel] = step == 1 ? source[i] : source[step * i + place(channel)];
          }
          if (this == RGBA) {
            target[count * i + 3] = OPAQUE;
          }
        }
      }
    }

    /** Where in a colour picture's pixels a colour is. */
    private int place(int channel) {
      return this == BGR ? 2 - channel : channel;
    }
  }

  private final Channels channels;
  private final float divisor;
  private final List<Float> mean;
  private final List<Float> std;

  /** Per channel of the network, the float of each sample. */
  private final float[][] table;

  /**
   * A normalisation.
   *
   * @param channels of the network
   * @param divisor 255 for networks that take 0 to 1, else 1
   * @param mean one per channel, in the network's order
   * @param std one per channel, in the network's order
   * @throws IllegalArgumentException if the lists' lengths are not the number of channels, or a
   *     divisor or deviation is not above 0
   */
  public Normalization(Channels channels, float divisor, List<Float> mean, List<Float> std) {
    if (mean.size() != channels.count || std.size() != channels.count) {
      throw new IllegalArgumentException(
          "%s needs %d means and deviations, got %s and %s"
              .formatted(channels, channels.count, mean, std));
    }
    if (!(divisor > 0) || std.stream().anyMatch(deviation -> !(deviation > 0))) {
      throw new IllegalArgumentException(
          "divisor and deviations must be above 0, got " + divisor + " and " + std);
    }
    this.channels = channels;
    this.divisor = divisor;
    this.mean = List.copyOf(mean);
    this.std = List.copyOf(std);
    this.table = new float[channels.count][256];
    for (int channel = 0; channel < channels.count; channel++) {
      for (int sample = 0; sample < 256; sample++) {
        table[channel][sample] = (sample / divisor - mean.get(channel)) / std.get(channel);
      }
    }
  }

  /**
   * The network's channels.
   *
   * @return which and in which order
   */
  public Channels channels() {
    return channels;
  }

  /**
   * What samples are divided by first.
   *
   * @return 255 or 1
   */
  public float divisor() {
    return divisor;
  }

  /**
   * What is subtracted then.
   *
   * @return one per channel, in the network's order
   */
  public List<Float> mean() {
    return mean;
  }

  /**
   * What the difference is divided by.
   *
   * @return one per channel, in the network's order
   */
  public List<Float> std() {
    return std;
  }

  /**
   * The float of a sample.
   *
   * @param channel in the network's order
   * @param sample 0 to 255
   * @return the network's input
   */
  public float value(int channel, int sample) {
    return table[channel][sample];
  }

  /**
   * Writes a picture at an index of a batch. A grey picture fills all of a colour network's
   * channels; a colour picture becomes Pillow's luma ({@code convert("L")}) for a grey network.
   * Alpha goes to networks that take it only, and is 255 where a picture has none.
   *
   * @param image of the network's size
   * @param target (batch, channels, height, width) in the given layout; absolute from its index 0,
   *     position and limit are not changed
   * @param index in the batch
   * @param layout of the target
   * @throws IndexOutOfBoundsException if the target is too small for the index
   */
  public void write(Image image, FloatBuffer target, int index, TensorLayout layout) {
    float[] line = new float[image.width() * channels.count];
    write(image, target, index, layout, line);
  }

  /** The same with scratch for one row: width x channels floats at least. */
  void write(Image image, FloatBuffer target, int index, TensorLayout layout, float[] line) {
    int width = image.width();
    int height = image.height();
    int count = channels.count;
    int plane = width * height;
    int base = Math.multiplyExact(index, Math.multiplyExact(plane, count));
    for (int y = 0; y < height; y++) {
      if (layout == TensorLayout.NHWC) {
        for (int channel = 0; channel < count; channel++) {
          convert(image, y, channel, line, channel, count);
        }
        target.put(base + y * width * count, line, 0, width * count);
      } else {
        for (int channel = 0; channel < count; channel++) {
          convert(image, y, channel, line, 0, 1);
          target.put(base + channel * plane + y * width, line, 0, width);
        }
      }
    }
  }

  /**
   * Writes samples that are already in the network's channels.
   *
   * @param samples (height, width, channel)
   * @param width in pixels
   * @param height in pixels
   * @param target a batch
   * @param index of the picture in the batch
   * @param layout of the batch
   * @param line scratch, of a row's samples
   */
  public void writeSamples(
      byte[] samples,
      int width,
      int height,
      FloatBuffer target,
      int index,
      TensorLayout layout,
      float[] line) {
    int count = channels.count;
    int plane = width * height;
    int base = Math.multiplyExact(index, Math.multiplyExact(plane, count));
    for (int y = 0; y < height; y++) {
      int row = y * width * count;
      if (layout == TensorLayout.NHWC) {
        for (int channel = 0; channel < count; channel++) {
          float[] values = table[channel];
          for (int i = channel; i < width * count; i += count) {
            line[i] = values[samples[row + i] & 0xff];
          }
        }
        target.put(base + row, line, 0, width * count);
      } else {
        for (int channel = 0; channel < count; channel++) {
          float[] values = table[channel];
          for (int x = 0; x < width; x++) {
            line[x] = values[samples[row + x * count + channel] & 0xff];
          }
          target.put(base + channel * plane + y * width, line, 0, width);
        }
      }
    }
  }

  private void convert(Image image, int y, int channel, float[] line, int offset, int step) {
    byte[] pixels = image.pixels();
    float[] values = table[channel];
    int width = image.width();
    int samples = image.channels();
    int from = y * width * samples;
    if (channel == 3 && samples < 4) {
      for (int x = 0; x < width; x++) {
        line[offset + x * step] = values[Channels.OPAQUE & 0xff];
      }
      return;
    }
    if (samples >= 3 && channels == Channels.GREY) {
      for (int x = 0; x < width; x++) {
        line[offset + x * step] = values[luma(pixels, from + samples * x)];
      }
      return;
    }
    if (samples >= 3) {
      from += channels.place(channel);
    }
    for (int x = 0; x < width; x++) {
      line[offset + x * step] = values[pixels[from + x * samples] & 0xff];
    }
  }

  /**
   * ITU-R 601-2 luma in Pillow's fixed point.
   *
   * @param rgb red, green and blue in turn
   * @param at where a pixel's red is
   * @return 0 to 255
   */
  public static int luma(byte[] rgb, int at) {
    return ((rgb[at] & 0xff) * 19595
            + (rgb[at + 1] & 0xff) * 38470
            + (rgb[at + 2] & 0xff) * 7471
            + 0x8000)
        >> 16;
  }
}
