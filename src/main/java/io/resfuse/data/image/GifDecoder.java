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

  private GifDecoder(byte[] contents) {
    this.file = new Bytes(contents, ByteOrder.LITTLE_ENDIAN);
  }

  static Image decode(byte[] contents, long maxPixels) throws IOException {
    return new GifDecoder(contents).decode(maxPixels);
  }

  private Image decode(long maxPixels) throws IOException {
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
    SizeCheck.check(canvasWidth, canvasHeight, 4, maxPixels);
    // A code of three bits or more stands for at most 4096 pixels.
    SizeCheck.checkHolds(
        width, height, (long) width * height <= 4096L * 8 / 3 * file.length(), file.length());
    Raster raster = ImageIoReaders.readGif(file.array()).getRaster();
    ImageIoReaders.checkSize(raster, width, height);
    return Image.rgb(canvasWidth, canvasHeight, paint(raster, canvasWidth, canvasHeight));
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
    }
    int block = at + 2;
    while (file.u8(block) != 0) {
      block += 1 + file.u8(block);
    }
    return block + 1;
  }

  private byte[] paint(Raster raster, int canvasWidth, int canvasHeight) throws IOException {
    byte[] colours = colours();
    byte[] rgb = new byte[Math.multiplyExact(3 * canvasWidth, canvasHeight)];
    if (width != canvasWidth || height != canvasHeight) {
      for (int i = 0; i < rgb.length; i += 3) {
        System.arraycopy(colours, 3 * fill, rgb, i, 3);
      }
    }
    int[] row = new int[width];
    for (int y = 0; y < height; y++) {
      raster.getPixels(0, y, width, 1, row);
      int to = 3 * ((top + y) * canvasWidth + left);
      for (int index : row) {
        rgb[to++] = colours[3 * index];
        rgb[to++] = colours[3 * index + 1];
        rgb[to++] = colours[3 * index + 2];
      }
    }
    return rgb;
  }

  /** 256 colours: the file's and black, or greys if it has none. */
  private byte[] colours() {
    byte[] colours = new byte[3 * GREY_LEVELS];
    if (paletteSize > 0) {
      System.arraycopy(file.array(), paletteAt, colours, 0, 3 * paletteSize);
    } else {
      for (int i = 0; i < colours.length; i++) {
        colours[i] = (byte) (i / 3);
      }
    }
    return colours;
  }
}
