package io.resfuse.data.image;

import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import javax.imageio.ImageIO;

/** Writes pictures and masks as PNG. Stateless. */
public final class PngEncoder {
  private static final int COLOURS = 256;

  private PngEncoder() {}

  /**
   * A picture.
   *
   * @param image three channels, or one of grey
   * @return the contents of a file
   */
  public static byte[] picture(Image image) {
    if (image.channels() != 1 && image.channels() != 3) {
      throw new IllegalArgumentException("a PNG of 1 or 3 channels is written, got " + image);
    }
    return opaque(image);
  }

  /**
   * A picture as it looks without transparency.
   *
   * @param image three channels, one of grey, or four, of which the last is left out
   * @return the contents of a file
   */
  public static byte[] opaque(Image image) {
    boolean isGrey = image.channels() == 1;
    BufferedImage canvas =
        new BufferedImage(
            image.width(),
            image.height(),
            isGrey ? BufferedImage.TYPE_BYTE_GRAY : BufferedImage.TYPE_INT_RGB);
    if (isGrey) {
      setSamples(canvas, image);
    } else {
      for (int y = 0; y < image.height(); y++) {
        for (int x = 0; x < image.width(); x++) {
          int colour =
              image.sample(x, y, 0) << 16 | image.sample(x, y, 1) << 8 | image.sample(x, y, 2);
          canvas.setRGB(x, y, colour);
        }
      }
    }
    return encoded(canvas);
  }

  /**
   * A mask: numbers of 8 bits with a palette that shows them in the colours of PASCAL VOC, which
   * differ for neighbouring numbers: 0 is black, 255 nearly white.
   *
   * @param map one channel
   * @return the contents of a file, from which {@link ImageDecoder#readIndices} gets the map back
   */
  public static byte[] mask(Image map) {
    if (map.channels() != 1) {
      throw new IllegalArgumentException("a mask has one channel, got " + map);
    }
    byte[][] channels = new byte[3][COLOURS];
    for (int i = 0; i < COLOURS; i++) {
      int colour = colour(i);
      channels[0][i] = (byte) (colour >> 16);
      channels[1][i] = (byte) (colour >> 8);
      channels[2][i] = (byte) colour;
    }
    IndexColorModel palette =
        new IndexColorModel(8, COLOURS, channels[0], channels[1], channels[2]);
    BufferedImage canvas =
        new BufferedImage(map.width(), map.height(), BufferedImage.TYPE_BYTE_INDEXED, palette);
    setSamples(canvas, map);
    return encoded(canvas);
  }

  /**
   * The colour of a number in masks. Each three bits of the number are the next lower bits of red,
   * green and blue.
   *
   * @param number 0 to 255
   * @return red, green and blue, 8 bits each, from the high to the low
   */
  public static int colour(int number) {
    int colour = 0;
    for (int bit = 0; bit < 8; bit++) {
      int at = 7 - bit / 3;
      colour |= (number >> bit & 1) << (16 - 8 * (bit % 3) + at);
    }
    return colour;
  }

  private static void setSamples(BufferedImage canvas, Image image) {
    canvas.getRaster().setDataElements(0, 0, image.width(), image.height(), image.pixels());
  }

  private static byte[] encoded(BufferedImage canvas) {
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    try {
      if (!ImageIO.write(canvas, "png", png)) {
        throw new IllegalStateException("this JDK's java.desktop has no writer for PNG");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return png.toByteArray();
  }
}
