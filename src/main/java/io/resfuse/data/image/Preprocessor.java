package io.resfuse.data.image;

import io.resfuse.tensor.TensorLayout;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Brings pictures into the form that a {@link Preprocessing} describes. Keeps scratch of the size
 * of the crop, allocates nothing per picture beyond the tables for a size that differs from the
 * last picture's. Not thread-safe: one per thread.
 */
public final class Preprocessor {
  private final Preprocessing preprocessing;
  private final Resampler resampler = new Resampler();
  private final Image colourCrop;
  private final Image greyCrop;
  private @Nullable Image alphaCrop;
  private final float[] line;
  private final byte[] samples;

  Preprocessor(Preprocessing preprocessing) {
    this.preprocessing = preprocessing;
    int width = preprocessing.cropWidth();
    int height = preprocessing.cropHeight();
    int plane = Math.multiplyExact(width, height);
    this.colourCrop = Image.rgb(width, height, new byte[Math.multiplyExact(3, plane)]);
    this.greyCrop = Image.grey(width, height, new byte[plane]);
    this.line = new float[width * preprocessing.channels()];
    this.samples = new byte[preprocessing.floatsPerImage()];
  }

  /**
   * What it does.
   *
   * @return the description
   */
  public Preprocessing preprocessing() {
    return preprocessing;
  }

  /**
   * Resizes, crops, normalises and writes a picture at an index of a batch.
   *
   * @param image of any size
   * @param target (batch, channels, crop height, crop width) in the given layout; absolute from its
   *     index 0, position and limit are not changed
   * @param index in the batch
   * @param layout of the target
   * @throws IndexOutOfBoundsException if the target is too small for the index
   */
  public void write(Image image, FloatBuffer target, int index, TensorLayout layout) {
    preprocessing.normalization().write(crop(image), target, index, layout, line);
  }

  /**
   * Resizes and crops a picture and writes its samples at an index of a batch, for engines that
   * normalise on their device.
   *
   * @param image of any size
   * @param target (batch, crop height, crop width, channels), in the network's order of channels;
   *     absolute from its index 0, position and limit are not changed
   * @param index in the batch
   * @throws IndexOutOfBoundsException if the target is too small for the index
   */
  public void writePixels(Image image, ByteBuffer target, int index) {
    preprocessing.normalization().channels().copy(crop(image), samples);
    target.put(Math.multiplyExact(index, samples.length), samples);
  }

  /**
   * Resizes and crops only.
   *
   * @param image of any size
   * @return the crop in 8 bits, in scratch that the next call overwrites
   */
  public Image crop(Image image) {
    Image crop = target(image.channels());
    int cropWidth = preprocessing.cropWidth();
    int cropHeight = preprocessing.cropHeight();
    Placement placement = placement(image.width(), image.height());
    int width = (int) Math.min(placement.scaledWidth(), cropWidth);
    int height = (int) Math.min(placement.scaledHeight(), cropHeight);
    int padLeft = (int) Math.max(placement.toLeft(), 0);
    int padTop = (int) Math.max(placement.toTop(), 0);
    if (width < cropWidth || height < cropHeight) {
      Arrays.fill(crop.pixels(), (byte) 0);
    }
    int channels = image.channels();
    resampler.resample(
        image,
        new Resampler.Box(0, 0, image.width(), image.height()),
        new Resampler.Window(
            placement.scaledWidth(),
            placement.scaledHeight(),
            Math.max(-placement.toLeft(), 0),
            Math.max(-placement.toTop(), 0),
            width,
            height),
        preprocessing.filter(),
        crop.pixels(),
        (padTop * cropWidth + padLeft) * channels,
        cropWidth * channels);
    return crop;
  }

  /**
   * Where the pixels of a picture go.
   *
   * @param imageWidth of the picture
   * @param imageHeight of the picture
   * @return from the whole picture to the network's size
   */
  public Placement placement(int imageWidth, int imageHeight) {
    int imageShort = Math.min(imageWidth, imageHeight);
    long outWidth = preprocessing.resizedSide(imageWidth, imageShort);
    long outHeight = preprocessing.resizedSide(imageHeight, imageShort);
    return new Placement(
        new Placement.Part(0, 0, imageWidth, imageHeight),
        outWidth,
        outHeight,
        start(outWidth, preprocessing.cropWidth()),
        start(outHeight, preprocessing.cropHeight()),
        preprocessing.cropWidth(),
        preprocessing.cropHeight(),
        false);
  }

  /**
   * Where a side begins on the crop. Where the resized picture is smaller than the crop,
   * torchvision pads with black, the odd pixel right and below.
   */
  private static long start(long side, int crop) {
    return side < crop ? (crop - side) / 2 : -cropStart(side, crop);
  }

  private Image target(int channels) {
    if (channels < 4) {
      return channels == 3 ? colourCrop : greyCrop;
    }
    Image found = alphaCrop;
    if (found == null) {
      byte[] pixels = new byte[Math.multiplyExact(4, greyCrop.pixels().length)];
      found = Image.rgba(greyCrop.width(), greyCrop.height(), pixels);
      alphaCrop = found;
    }
    return found;
  }

  /** Python's {@code round((size - crop) / 2.0)}: halves to even. */
  private static long cropStart(long size, int crop) {
    return (long) Math.rint(Math.max(size - crop, 0) / 2.0);
  }
}
