package io.resfuse.data.image;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/**
 * PNG (ISO/IEC 15948), all colour types, depths and interlacing. The JDK decodes header, palette
 * and data; other chunks are left out before, so that damage in them does no harm, except {@code
 * eXIf} for the orientation and, where alpha is wanted, {@code tRNS}. Checksums of the chunks used
 * are checked.
 */
final class PngDecoder {
  private static final int SIGNATURE = 8;
  private static final int PALETTE = 3;

  /** No deflate stream expands further than this. */
  private static final long MAX_EXPANSION = 1032;

  private final Bytes file;
  private final ByteArrayOutputStream coded = new ByteArrayOutputStream();
  private int width;
  private int height;
  private int depth;
  private int colour;
  private int bitsPerPixel;
  private int decodedBytesPerPixel;
  private long dataBytes;
  private byte @Nullable [] transparency;
  private int orientation = Exif.UPRIGHT;

  private PngDecoder(byte[] contents) {
    this.file = new Bytes(contents, ByteOrder.BIG_ENDIAN);
  }

  static Image decode(byte[] contents, long maxPixels, boolean alpha) throws IOException {
    PngDecoder png = new PngDecoder(contents);
    png.parse(maxPixels, alpha ? 4 : 0);
    BufferedImage image = ImageIoReaders.readPng(png.coded.toByteArray());
    ImageIoReaders.checkSize(image.getRaster(), png.width, png.height);
    ImageIoReaders.Alpha how = alpha ? png.alpha() : null;
    Image decoded =
        how == null
            ? Image.rgb(png.width, png.height, ImageIoReaders.rgb(image))
            : Image.rgba(png.width, png.height, ImageIoReaders.rgba(image, how));
    return Exif.upright(decoded, png.orientation);
  }

  /** The numbers of a palette, or grey samples as they are stored, in place of colours. */
  static Image decodeIndices(byte[] contents, long maxPixels) throws IOException {
    PngDecoder png = new PngDecoder(contents);
    png.parse(maxPixels, 0);
    if (png.bitsPerPixel > 8) {
      throw new IOException(
          "has %d bits a pixel; a mask has a palette, or grey samples of up to 8 bits, whose numbers"
                  .formatted(png.bitsPerPixel)
              + " are classes");
    }
    BufferedImage image = ImageIoReaders.readPng(png.coded.toByteArray());
    ImageIoReaders.checkSize(image.getRaster(), png.width, png.height);
    Image indices = Image.grey(png.width, png.height, ImageIoReaders.samples(image.getRaster()));
    return Exif.upright(indices, png.orientation);
  }

  /** Where pixels have their alpha; null if all are opaque. */
  private ImageIoReaders.@Nullable Alpha alpha() {
    int channels = bitsPerPixel / depth;
    if (channels == 2 || channels == 4) {
      return (samples, at) -> samples[at + channels - 1] >> (depth - 8);
    }
    byte[] table = transparency;
    if (table == null) {
      return null;
    }
    if (colour == PALETTE) {
      return (index, at) -> index[at] < table.length ? table[index[at]] & 0xff : 255;
    }
    // One colour is transparent, in the file's own samples.
    int[] key = new int[channels];
    if (table.length < 2 * channels) {
      return null;
    }
    for (int i = 0; i < channels; i++) {
      key[i] = ((table[2 * i] & 0xff) << 8 | (table[2 * i + 1] & 0xff)) & ((1 << depth) - 1);
    }
    return (samples, at) -> Arrays.equals(samples, at, at + channels, key, 0, channels) ? 0 : 255;
  }

  private void parse(long maxPixels, int alphaBytes) throws IOException {
    file.copy(0, SIGNATURE, coded);
    int at = SIGNATURE;
    String type = "";
    while (!type.equals("IEND") && at < file.length()) {
      file.require(at, 12);
      type = new String(file.array(), at + 4, 4, StandardCharsets.ISO_8859_1);
      if (at == SIGNATURE && !type.equals("IHDR")) {
        throw new IOException("its first chunk is '" + type + "', not IHDR");
      }
      long length = file.u32(at);
      file.require(at, 12 + length);
      int data = at + 8;
      int end = (int) (data + length);
      switch (type) {
        case "IHDR" -> {
          header(data, length);
          SizeCheck.check(width, height, decodedBytesPerPixel + alphaBytes, maxPixels);
          take(at, end);
        }
        case "PLTE" -> take(at, end);
        case "IDAT" -> {
          dataBytes += length;
          take(at, end);
        }
        case "tRNS" -> {
          if (alphaBytes > 0) {
            checkSum(at, end);
            transparency = Arrays.copyOfRange(file.array(), data, end);
          }
        }
        case "eXIf" -> orientation = Exif.orientation(file.array(), data, end);
        case "IEND" -> {}
        default -> {
          if (Character.isUpperCase(type.charAt(0))) {
            throw new IOException("unknown critical chunk '" + type + "'");
          }
        }
      }
      at = end + 4;
    }
    if (dataBytes == 0) {
      throw new IOException("truncated after " + file.length() + " bytes, before any pixels");
    }
    long rowBytes = ((long) width * bitsPerPixel + 7) / 8;
    SizeCheck.checkHolds(width, height, rowBytes * height <= MAX_EXPANSION * dataBytes, dataBytes);
    coded.write(new byte[] {0, 0, 0, 0, 'I', 'E', 'N', 'D', (byte) 0xae, 0x42, 0x60, (byte) 0x82});
  }

  private void header(int at, long length) throws IOException {
    if (length != 13) {
      throw new IOException("a header of " + length + " bytes");
    }
    width = file.i32(at);
    height = file.i32(at + 4);
    depth = file.u8(at + 8);
    colour = file.u8(at + 9);
    int channels =
        switch (colour) {
          case 0, 3 -> 1;
          case 2 -> 3;
          case 4 -> 2;
          case 6 -> 4;
          default -> throw new IOException("unknown colour type " + colour);
        };
    boolean valid =
        switch (depth) {
          case 1, 2, 4 -> channels == 1;
          case 8 -> true;
          case 16 -> colour != 3;
          default -> false;
        };
    if (!valid) {
      throw new IOException("colour type " + colour + " with " + depth + " bits");
    }
    bitsPerPixel = depth * channels;
    decodedBytesPerPixel = bitsPerPixel == 24 ? 3 : Math.max(bitsPerPixel / 8, 1) + 3;
  }

  private void take(int at, int end) throws IOException {
    checkSum(at, end);
    file.copy(at, end + 4, coded);
  }

  private void checkSum(int at, int end) throws IOException {
    CRC32 crc = new CRC32();
    crc.update(file.array(), at + 4, end - at - 4);
    if (crc.getValue() != file.u32(end)) {
      throw new IOException("damaged: wrong checksum of the chunk at byte " + at);
    }
  }
}
