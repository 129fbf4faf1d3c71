package io.resfuse.data.image;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteOrder;

/** Windows and OS/2 bitmaps, uncompressed, run-length coded and with bit fields, by the JDK. */
final class BmpDecoder {
  private static final int CORE_HEADER = 12;
  private static final int BITFIELDS = 3;
  private static final int ALPHA_BITFIELDS = 6;

  private BmpDecoder() {}

  static Image decode(byte[] contents, long maxPixels) throws IOException {
    Bytes file = new Bytes(contents, ByteOrder.LITTLE_ENDIAN);
    long dataAt = file.u32(10);
    boolean core = file.i32(14) == CORE_HEADER;
    int width = core ? file.u16(18) : file.i32(18);
    int height = core ? file.u16(20) : file.i32(22);
    int bits = core ? file.u16(24) : file.u16(28);
    long compression = core ? 0 : file.u32(30);
    if (height < 0 && height != Integer.MIN_VALUE) {
      height = -height; // stored from the top
    }
    if (bits != 1 && bits != 4 && bits != 8 && bits != 16 && bits != 24 && bits != 32) {
      throw new IOException(bits + " bits per pixel");
    }
    if (compression > BITFIELDS && compression != ALPHA_BITFIELDS) {
      throw new IOException("compression " + compression + " is not supported");
    }
    SizeCheck.check(width, height, Math.max(bits / 8, 1) + 3, maxPixels);
    if (compression == 0 || compression >= BITFIELDS) {
      long rowBytes = ((long) width * bits + 31) / 32 * 4;
      long dataBytes = Math.max(contents.length - dataAt, 0);
      SizeCheck.checkHolds(width, height, rowBytes * height <= dataBytes, dataBytes);
    }
    BufferedImage image = ImageIoReaders.readBmp(contents);
    ImageIoReaders.checkSize(image.getRaster(), width, height);
    return Image.rgb(width, height, ImageIoReaders.rgb(image));
  }
}
