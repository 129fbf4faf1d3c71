package io.resfuse.data.image;

import java.util.Objects;

/**
 * A picture of 8-bit samples: row after row from the top, pixels from the left, channels
 * interleaved (height, width, channel). Three channels are red, green, blue (sRGB as stored, no
 * colour management), a fourth is alpha (255 is opaque; colours are not multiplied by it); one
 * channel is grey.
 *
 * <p>Immutable as long as nobody writes to {@link #pixels}; then any thread may use it.
 */
public final class Image {
  private final int width;
  private final int height;
  private final int channels;
  private final byte[] pixels;

  private Image(int width, int height, int channels, byte[] pixels) {
    if (width < 1 || height < 1 || (long) width * height * channels != pixels.length) {
      throw new IllegalArgumentException(
          "a picture of %d x %d pixels and %d channels needs %d bytes, got %d"
              .formatted(width, height, channels, (long) width * height * channels, pixels.length));
    }
    this.width = width;
    this.height = height;
    this.channels = channels;
    this.pixels = pixels;
  }

  /**
   * A colour picture.
   *
   * @param width at least 1
   * @param height at least 1
   * @param pixels height x width x (red, green, blue), not copied
   * @return a picture that shares the array
   * @throws IllegalArgumentException if the array's length is not height x width x 3
   */
  public static Image rgb(int width, int height, byte[] pixels) {
    return new Image(width, height, 3, pixels);
  }

  /**
   * A colour picture with alpha.
   *
   * @param width at least 1
   * @param height at least 1
   * @param pixels height x width x (red, green, blue, alpha), not copied
   * @return a picture that shares the array
   * @throws IllegalArgumentException if the array's length is not height x width x 4
   */
  public static Image rgba(int width, int height, byte[] pixels) {
    return new Image(width, height, 4, pixels);
  }

  /**
   * A grey picture.
   *
   * @param width at least 1
   * @param height at least 1
   * @param pixels height x width, not copied
   * @return a picture that shares the array
   * @throws IllegalArgumentException if the array's length is not height x width
   */
  public static Image grey(int width, int height, byte[] pixels) {
    return new Image(width, height, 1, pixels);
  }

  /**
   * A picture of as many channels as another.
   *
   * @param other gives the channels
   * @param width in pixels
   * @param height in pixels
   * @param pixels (height, width, channels); the picture keeps the array
   * @return a new picture
   */
  public static Image like(Image other, int width, int height, byte[] pixels) {
    return new Image(width, height, other.channels, pixels);
  }

  /**
   * The width.
   *
   * @return pixels, at least 1
   */
  public int width() {
    return width;
  }

  /**
   * The height.
   *
   * @return pixels, at least 1
   */
  public int height() {
    return height;
  }

  /**
   * The samples per pixel.
   *
   * @return 4 (red, green, blue, alpha), 3 (red, green, blue) or 1 (grey)
   */
  public int channels() {
    return channels;
  }

  /**
   * The samples, shared: (height, width, channel), unsigned bytes.
   *
   * @return the array itself
   */
  public byte[] pixels() {
    return pixels;
  }

  /**
   * One sample.
   *
   * @param x from the left
   * @param y from the top
   * @param channel 0 red or grey, 1 green, 2 blue, 3 alpha
   * @return 0 to 255
   */
  public int sample(int x, int y, int channel) {
    return pixels[(y * width + x) * channels + channel] & 0xff;
  }

  /**
   * The picture resized, equal to Pillow's {@code Image.resize((width, height), filter)}: with
   * alpha, colours are multiplied by it before, and divided by it after.
   *
   * @param newWidth at least 1
   * @param newHeight at least 1
   * @param filter how
   * @return a new picture
   */
  public Image resized(int newWidth, int newHeight, Resampling filter) {
    return resizedCrop(0, 0, width, height, newWidth, newHeight, filter);
  }

  /**
   * A part of the picture resized as if it were a picture of its own: torchvision's {@code
   * resized_crop}.
   *
   * @param left first column of the part
   * @param top first row
   * @param partWidth columns
   * @param partHeight rows
   * @param newWidth at least 1
   * @param newHeight at least 1
   * @param filter how
   * @return a new picture
   * @throws IndexOutOfBoundsException if the part is not inside
   */
  public Image resizedCrop(
      int left,
      int top,
      int partWidth,
      int partHeight,
      int newWidth,
      int newHeight,
      Resampling filter) {
    Objects.checkFromIndexSize(left, partWidth, width);
    Objects.checkFromIndexSize(top, partHeight, height);
    byte[] result = new byte[Math.multiplyExact(Math.multiplyExact(newWidth, newHeight), channels)];
    new Resampler()
        .resample(
            this,
            new Resampler.Box(left, top, partWidth, partHeight),
            new Resampler.Window(newWidth, newHeight, 0, 0, newWidth, newHeight),
            filter,
            result,
            0,
            newWidth * channels);
    return new Image(newWidth, newHeight, channels, result);
  }

  /**
   * A part of the picture.
   *
   * @param left first column
   * @param top first row
   * @param newWidth columns
   * @param newHeight rows
   * @return a new picture
   * @throws IndexOutOfBoundsException if the part is not inside
   */
  public Image cropped(int left, int top, int newWidth, int newHeight) {
    Objects.checkFromIndexSize(left, newWidth, width);
    Objects.checkFromIndexSize(top, newHeight, height);
    byte[] result = new byte[newWidth * newHeight * channels];
    for (int y = 0; y < newHeight; y++) {
      System.arraycopy(
          pixels,
          ((top + y) * width + left) * channels,
          result,
          y * newWidth * channels,
          newWidth * channels);
    }
    return new Image(newWidth, newHeight, channels, result);
  }

  @Override
  public String toString() {
    String kind = channels == 4 ? " RGBA" : channels == 3 ? " RGB" : " grey";
    return width + " x " + height + kind;
  }
}
