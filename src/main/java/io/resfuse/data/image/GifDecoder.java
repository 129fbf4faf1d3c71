package io.resfuse.data.image;

import java.awt.image.Raster;
import java.io.IOException;
import java.nio.ByteOrder;

/**
 * The first frame of a GIF (87a, 89a) on its canvas. The JDK decodes the indices; the canvas around
 * the frame shows the transparent colour, else colour 0.
 */
final class GifDecoder {
  private static final int HEADER = 13;
  private static final int GREY_LEVELS = 256;

  private final Bytes file;
  private int left;
  private int top;
  private int width;
  private int height;
  private int paletteAt;
  private int paletteSize;
  private int fill;
  private boolean transparent;

  private GifDecoder(byte[] contents) {
    this.file = new Bytes(contents, ByteOrder.LITTLE_ENDIAN);
  }

  static Image decode(byte[] contents, long maxPixels, boolean alpha) throws IOException {
    return new GifDecoder(contents).decode(maxPixels, alpha);
  }

  private Image decode(long maxPixels, boolean alpha) throws IOException {
    int at = HEADER;
    table(10, HEADER);
    at += 3 * paletteSize;
    while (file.u8(at) != ',') {
      at = skip(at);
    }
    left = file.u16(at + 1);
    top = file.u16(at + 3);
    width = file.u16(at + 5);
    height = file.u16(at + 7);
    if ((file.u8(at + 9) & 0x80) != 0) {
      table(at + 9, at + 10);
    }
    if (width == 0 || height == 0) {
      throw new IOException("its first frame is " + width + " x " + height + " pixels");
    }
    int canvasWidth = Math.max(file.u16(6), left + width);
    int canvasHeight = Math.max(file.u16(8), top + height);
    SizeCheck.check(canvasWidth, canvasHeight, alpha ? 5 : 4, maxPixels);
    // A code of three bits or more stands for at most 4096 pixels.
    SizeCheck.checkHolds(
        width, height, (long) width * height <= 4096L * 8 / 3 * file.length(), file.length());
    Raster raster = ImageIoReaders.readGif(file.array()).getRaster();
    ImageIoReaders.checkSize(raster, width, height);
    return alpha && transparent
        ? Image.rgba(canvasWidth, canvasHeight, paint(raster, canvasWidth, canvasHeight, 4))
        : Image.rgb(canvasWidth, canvasHeight, paint(raster, canvasWidth, canvasHeight, 3));
  }

  private void table(int flagsAt, int tableAt) throws IOException {
    int flags = file.u8(flagsAt);
    if ((flags & 0x80) != 0) {
      paletteSize = 2 << (flags & 7);
      paletteAt = tableAt;
      file.require(tableAt, 3L * paletteSize);
    }
  }

  /** Skips an extension, taking the transparent colour from a graphic control. */
  private int skip(int at) throws IOException {
    if (file.u8(at) != '!') {
      throw new IOException(
          "%s at byte %d".formatted(file.u8(at) == ';' ? "no frame, its end" : "damaged", at));
    }
    if (file.u8(at + 1) == 0xf9 && (file.u8(at + 3) & 1) != 0) {
      fill = file.u8(at + 6);
      transparent = true;
    }
    int block = at + 2;
    while (file.u8(block) != 0) {
      block += 1 + file.u8(block);
    }
    return block + 1;
  }

  private byte[] paint(Raster raster, int canvasWidth, int canvasHeight, int channels)
      throws IOException {
    byte[] colours = colours(channels);
    byte[] pixels = new byte[Math.multiplyExact(channels * canvasWidth, canvasHeight)];
    if (width != canvasWidth || height != canvasHeight) {
      for (int i = 0; i < pixels.length; i += channels) {
        System.arraycopy(colours, channels * fill, pixels, i, channels);
      }
    }
    int[] row = new int[width];
    for (int y = 0; y < height; y++) {
      raster.getPixels(0, y, width, 1, row);
      int to = channels * ((top + y) * canvasWidth + left);
      for (int index : row) {
        for (int channel = 0; channel < channels; channel++) {
          pixels[to++] = colours[channels * index + channel];
        }
      }
    }
    return pixels;
  }

  /** 256 colours: the file's and black, or greys if it has none; a fourth channel is alpha. */
  private byte[] colours(int channels) {
    byte[] colours = new byte[channels * GREY_LEVELS];
    for (int i = 0; i < GREY_LEVELS; i++) {
      for (int channel = 0; channel < 3 && (paletteSize == 0 || i < paletteSize); channel++) {
        colours[channels * i + channel] =
            paletteSize == 0 ? (byte) i : file.array()[paletteAt + 3 * i + channel];
      }
      if (channels == 4) {
        colours[4 * i + 3] = (byte) (i == fill ? 0 : 255);
      }
    }
    return colours;
  }
}
