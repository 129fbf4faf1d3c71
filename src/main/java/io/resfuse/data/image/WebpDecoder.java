package io.resfuse.data.image;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * WebP (RFC 9649), lossy and lossless, by TwelveMonkeys; of an animation the first frame on its
 * canvas, black and transparent around it. Profiles and further frames are left out before
 * decoding, and so is alpha where it is not wanted.
 */
final class WebpDecoder {
  private static final byte[] RIFF = "RIFF".getBytes(StandardCharsets.ISO_8859_1);
  private static final byte[] WEBP = "WEBP".getBytes(StandardCharsets.ISO_8859_1);
  private static final byte[] EXTENDED = "VP8X".getBytes(StandardCharsets.ISO_8859_1);
  private static final int RIFF_HEADER = 12;
  private static final int CHUNK_HEADER = 8;
  private static final int FRAME_HEADER = 16;
  private static final int EXTENDED_HEADER = 10;
  private static final int ALPHA_FLAG = 0x10;

  /** How far the reader looks ahead; what needs more bytes than that is truncated. */
  private static final int LOOK_AHEAD = 16;

  /** The reader refuses files that expand further, which pictures of one colour do. */
  private static final int MAX_EXPANSION = 2048;

  private final Bytes file;
  private final boolean alphaWanted;
  private int canvasWidth;
  private int canvasHeight;
  private int left;
  private int top;
  private int width;
  private int height;
  private int orientation = Exif.UPRIGHT;
  private int frameAt;
  private int frameEnd;
  private int alphaAt;
  private int alphaEnd;
  private boolean hasAlpha;

  private WebpDecoder(byte[] contents, boolean alphaWanted) {
    this.alphaWanted = alphaWanted;
    this.file = new Bytes(contents, ByteOrder.LITTLE_ENDIAN);
  }

  static Image decode(byte[] contents, long maxPixels, boolean alpha) throws IOException {
    WebpDecoder webp = new WebpDecoder(contents, alpha);
    webp.chunks(RIFF_HEADER, contents.length);
    return webp.decode(maxPixels);
  }

  private void chunks(int from, int to) throws IOException {
    int at = from;
    while (at <= to - 8) {
      String type = new String(file.array(), at, 4, StandardCharsets.ISO_8859_1);
      long size = file.u32(at + 4);
      int data = at + 8;
      file.require(data, size);
      int end = (int) (data + size);
      switch (type) {
        case "VP8X" -> {
          canvasWidth = 1 + u24(data + 4);
          canvasHeight = 1 + u24(data + 7);
        }
        case "ANMF" -> {
          if (frameEnd == 0) {
            left = 2 * u24(data);
            top = 2 * u24(data + 3);
            chunks(data + FRAME_HEADER, end);
          }
        }
        case "ALPH" -> {
          if (frameEnd == 0 && alphaWanted) {
            alphaAt = at;
            alphaEnd = end;
          }
        }
        case "VP8 " -> {
          if (frameEnd == 0) {
            if (u24(data + 3) != 0x2a019d) {
              throw new IOException("damaged: no start code in its lossy frame");
            }
            hasAlpha = alphaEnd > 0;
            take(at, end, file.u16(data + 6) & 0x3fff, file.u16(data + 8) & 0x3fff);
          }
        }
        case "VP8L" -> {
          if (frameEnd == 0) {
            if (file.u8(data) != 0x2f) {
              throw new IOException("damaged: no signature in its lossless frame");
            }
            int sizes = file.i32(data + 1);
            hasAlpha = alphaWanted && (sizes & 1 << 28) != 0;
            take(at, end, 1 + (sizes & 0x3fff), 1 + ((sizes >> 14) & 0x3fff));
          }
        }
        case "EXIF" -> orientation = Exif.orientation(file.array(), data, end);
        default -> {}
      }
      at = (int) Math.min(Integer.MAX_VALUE, (long) end + (size & 1));
    }
  }

  private int u24(int at) throws IOException {
    return file.u16(at) | file.u8(at + 2) << 16;
  }

  private void take(int at, int end, int frameWidth, int frameHeight) {
    width = frameWidth;
    height = frameHeight;
    frameAt = at;
    frameEnd = end;
  }

  /** Bytes before the frame's chunk: of a simple file, or of an extended one with alpha. */
  private int before() {
    return alphaEnd == 0
        ? RIFF_HEADER
        : RIFF_HEADER + CHUNK_HEADER + EXTENDED_HEADER + even(alphaEnd - alphaAt);
  }

  private static int even(int length) {
    return (length + 1) / 2 * 2;
  }

  /** A file of the one frame, and zeros. */
  private byte[] coded() {
    long zeros = LOOK_AHEAD + 4L * width * height / MAX_EXPANSION;
    int chunkSize = Math.toIntExact((frameEnd - frameAt - CHUNK_HEADER + zeros + 1) / 2 * 2);
    ByteBuffer coded =
        ByteBuffer.allocate(before() + CHUNK_HEADER + chunkSize).order(ByteOrder.LITTLE_ENDIAN);
    coded.put(RIFF).putInt(coded.capacity() - 8).put(WEBP);
    if (alphaEnd > 0) {
      coded.put(EXTENDED).putInt(EXTENDED_HEADER).putInt(ALPHA_FLAG);
      coded.putShort((short) (width - 1)).put((byte) 0);
      coded.putShort((short) (height - 1)).put((byte) 0);
      coded.put(file.array(), alphaAt, alphaEnd - alphaAt).position(before());
    }
    coded.put(file.array(), frameAt, 4).putInt(chunkSize);
    coded.put(file.array(), frameAt + CHUNK_HEADER, frameEnd - frameAt - CHUNK_HEADER);
    return coded.array();
  }

  private Image decode(long maxPixels) throws IOException {
    if (frameEnd == 0) {
      throw new IOException("truncated after " + file.length() + " bytes, before any pixels");
    }
    canvasWidth = Math.max(canvasWidth, left + width);
    canvasHeight = Math.max(canvasHeight, top + height);
    int bytesPerPixel = 4 + (hasAlpha ? 3 + 4 : 3);
    SizeCheck.check(width, height, bytesPerPixel, maxPixels);
    SizeCheck.check(canvasWidth, canvasHeight, bytesPerPixel, maxPixels);
    int most = before() + frameEnd - frameAt + LOOK_AHEAD;
    BufferedImage image = ImageIoReaders.readWebp(coded(), most);
    ImageIoReaders.checkSize(image.getRaster(), width, height);
    int bands = image.getRaster().getNumBands();
    Image frame =
        hasAlpha && bands == 4
            ? Image.rgba(
                width, height, ImageIoReaders.rgba(image, (samples, at) -> samples[at + 3]))
            : Image.rgb(width, height, ImageIoReaders.rgb(image));
    return Exif.upright(onCanvas(frame), orientation);
  }

  private Image onCanvas(Image frame) {
    if (width == canvasWidth && height == canvasHeight) {
      return frame;
    }
    int channels = frame.channels();
    byte[] canvas = new byte[channels * canvasWidth * canvasHeight];
    for (int y = 0; y < height; y++) {
      int to = channels * ((top + y) * canvasWidth + left);
      System.arraycopy(frame.pixels(), channels * y * width, canvas, to, channels * width);
    }
    return Image.like(frame, canvasWidth, canvasHeight, canvas);
  }
}
