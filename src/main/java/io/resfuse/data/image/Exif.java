package io.resfuse.data.image;

import java.io.EOFException;
import java.nio.ByteOrder;
import java.util.Arrays;

/** The orientation in EXIF data (CIPA DC-008, tag 0x0112), and turning a picture upright. */
final class Exif {
  static final int UPRIGHT = 1;

  private static final String HEADER = "Exif\0\0";
  private static final int ORIENTATION_TAG = 0x0112;
  private static final int SHORT = 3;

  /** Not what the standard says, but some cameras write it, and Pillow reads it. */
  private static final int LONG = 4;

  private Exif() {}

  /**
   * The orientation in a TIFF structure, with or without the {@code Exif} header before it.
   *
   * @return 1 to 8; {@link #UPRIGHT} if there is none or the structure is damaged
   */
  static int orientation(byte[] file, int from, int to) {
    byte[] data = Arrays.copyOfRange(file, from, to);
    Bytes big = new Bytes(data, ByteOrder.BIG_ENDIAN);
    if (big.has(0, HEADER)) {
      return orientation(data, HEADER.length(), data.length);
    }
    if (!big.has(0, "II*\0") && !big.has(0, "MM\0*")) {
      return UPRIGHT;
    }
    Bytes tiff = big.has(0, "II") ? new Bytes(data, ByteOrder.LITTLE_ENDIAN) : big;
    try {
      int directory = tiff.i32(4);
      int entries = tiff.u16(directory);
      for (int i = 0; i < entries; i++) {
        int entry = Math.addExact(directory, 2 + 12 * i);
        int type = tiff.u16(entry + 2);
        if (tiff.u16(entry) == ORIENTATION_TAG && (type == SHORT || type == LONG)) {
          int value = type == SHORT ? tiff.u16(entry + 8) : tiff.i32(entry + 8);
          return value >= 1 && value <= 8 ? value : UPRIGHT;
        }
      }
    } catch (EOFException | ArithmeticException e) {
      return UPRIGHT;
    }
    return UPRIGHT;
  }

  /** The picture as it is meant to be seen. */
  static Image upright(Image image, int orientation) {
    if (orientation == UPRIGHT) {
      return image;
    }
    int w = image.width();
    int h = image.height();
    // In source pixels: where the result's first pixel comes from, one step right, one step down.
    int start =
        switch (orientation) {
          case 2 -> w - 1;
          case 3 -> w * h - 1;
          case 4, 6 -> (h - 1) * w;
          case 7 -> w * h - 1;
          case 8 -> w - 1;
          default -> 0;
        };
    int right =
        switch (orientation) {
          case 2, 3 -> -1;
          case 4 -> 1;
          case 6, 7 -> -w;
          default -> w;
        };
    int down =
        switch (orientation) {
          case 2 -> w;
          case 3, 4 -> -w;
          case 5, 6 -> 1;
          default -> -1;
        };
    boolean swapped = swapsSides(orientation);
    int newWidth = swapped ? h : w;
    int newHeight = swapped ? w : h;
    byte[] source = image.pixels();
    int channels = image.channels();
    byte[] target = new byte[source.length];
    int at = 0;
    for (int y = 0; y < newHeight; y++) {
      int pixel = start + y * down;
      for (int x = 0; x < newWidth; x++) {
        for (int channel = 0; channel < channels; channel++) {
          target[at++] = source[pixel * channels + channel];
        }
        pixel += right;
      }
    }
    return Image.like(image, newWidth, newHeight, target);
  }

  /** Whether a picture lies on its side. */
  static boolean swapsSides(int orientation) {
    return orientation >= 5;
  }
}
