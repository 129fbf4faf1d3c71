package io.resfuse.data.image;

import java.awt.image.Raster;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageReader;
import org.jspecify.annotations.Nullable;

/**
 * JPEG (ITU-T T.81): baseline, extended with 8 bits, progressive; grey, YCbCr, RGB, CMYK, YCCK.
 *
 * <p>Which colours the samples are is decided here, from the JFIF and Adobe markers. Everything
 * else in the file (thumbnails, profiles, further pictures) is left out before decoding, so that
 * damage in it does no harm. {@link PictureKernels} decode; where libjpeg-turbo is not there, has
 * warnings, or for four components, the JDK's libjpeg gives the samples, which are converted here
 * in libjpeg's own arithmetic. Both give the same bytes.
 */
final class JpegDecoder {
  /** As many scans as libjpeg-turbo's own fuzzers allow; real files have about ten. */
  private static final int MAX_SCANS = 500;

  private static final int SOI = 0xd8;
  private static final int EOI = 0xd9;
  private static final int SOS = 0xda;
  private static final int DQT = 0xdb;
  private static final int DRI = 0xdd;
  private static final int DHT = 0xc4;
  private static final int APP0 = 0xe0;
  private static final int APP1 = 0xe1;
  private static final int APP14 = 0xee;

  private static final int NO_ADOBE = -1;

  private final Bytes file;
  private final ByteArrayOutputStream coded;
  private int width;
  private int height;
  private int[] componentIds = new int[0];
  private boolean jfif;
  private int adobeTransform = NO_ADOBE;
  private int orientation = Exif.UPRIGHT;
  private int scans;
  private boolean ended;

  private JpegDecoder(byte[] contents) {
    this.file = new Bytes(contents, ByteOrder.BIG_ENDIAN);
    this.coded = new ByteArrayOutputStream(contents.length + 2);
  }

  /** Decodes a coded image; null if the JDK is to do it. */
  @FunctionalInterface
  interface FastDecoder {
    /**
     * Decodes a picture of one or three components.
     *
     * @param coded the coded image only: no JFIF, no Adobe marker
     * @param ycc whether three components are YCbCr; else they are RGB
     * @param eighths of the sides that the result is to have, rounded up
     * @param scratch where the pixels may go
     * @return (height, width, 3); null if it cannot, or has found damage
     */
    byte @Nullable [] decode(
        byte[] coded, boolean ycc, int width, int height, int eighths, PixelScratch scratch);
  }

  static Image decode(byte[] contents, long maxPixels, PixelScratch scratch, Reduction needed)
      throws IOException {
    return decode(contents, maxPixels, scratch, needed, PictureKernels::decode);
  }

  static Image decode(
      byte[] contents, long maxPixels, PixelScratch scratch, Reduction needed, FastDecoder fast)
      throws IOException {
    JpegDecoder jpeg = new JpegDecoder(contents);
    jpeg.parse();
    return jpeg.decode(maxPixels, scratch, needed, fast);
  }

  private void parse() throws IOException {
    write(SOI);
    int at = 2;
    while (!ended) {
      while (at < file.length() && file.u8(at) != 0xff) {
        at++;
      }
      while (at < file.length() && file.u8(at) == 0xff) {
        at++;
      }
      if (at >= file.length()) {
        break;
      }
      at = segment(file.u8(at), at + 1);
    }
    if (componentIds.length == 0 || scans == 0) {
      throw new IOException("truncated after " + file.length() + " bytes, before any pixels");
    }
    if (!ended) {
      throw new IOException("truncated after " + file.length() + " bytes");
    }
    write(EOI);
  }

  /** Takes what is needed of a segment; returns where the next begins. */
  private int segment(int marker, int at) throws IOException {
    if (marker == EOI) {
      ended = true;
      return at;
    }
    if (marker == 0 || marker == 1 || (marker >= 0xd0 && marker <= SOI)) {
      return at;
    }
    int length = file.u16(at);
    if (length < 2) {
      throw new IOException("a segment of length " + length + " at byte " + at);
    }
    int end = at + length;
    file.require(at, length);
    switch (marker) {
      case APP0 -> jfif |= file.has(at + 2, "JFIF\0");
      case APP1 -> {
        if (file.has(at + 2, "Exif\0\0") && orientation == Exif.UPRIGHT) {
          orientation = Exif.orientation(file.array(), at + 2, end);
        }
      }
      case APP14 -> {
        if (file.has(at + 2, "Adobe") && length >= 14) {
          adobeTransform = file.u8(at + 13);
        }
      }
      case DQT, DHT, DRI -> copy(at, end);
      case 0xc0, 0xc1, 0xc2 -> {
        frame(at, length);
        copy(at, end);
      }
      case 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf ->
          throw new IOException(
              "lossless, hierarchical and arithmetic-coded JPEGs are not supported; convert it to"
                  + " PNG");
      case SOS -> {
        if (++scans > MAX_SCANS) {
          throw new IOException("more than " + MAX_SCANS + " scans");
        }
        end = endOfScan(end);
        copy(at, end);
      }
      default -> {}
    }
    return end;
  }

  private void frame(int at, int length) throws IOException {
    int precision = file.u8(at + 2);
    if (precision != 8) {
      throw new IOException(precision + "-bit JPEGs are not supported; convert it to PNG");
    }
    height = file.u16(at + 3);
    width = file.u16(at + 5);
    int components = file.u8(at + 7);
    if (components != 1 && components != 3 && components != 4) {
      throw new IOException(components + " components; JPEGs of 1, 3 and 4 are supported");
    }
    if (length != 8 + 3 * components) {
      throw new IOException("a frame header of length " + length);
    }
    componentIds = new int[components];
    for (int i = 0; i < components; i++) {
      componentIds[i] = file.u8(at + 8 + 3 * i);
    }
  }

  /** Entropy-coded data ends at a marker that is neither a stuffed zero nor a restart. */
  private int endOfScan(int from) {
    byte[] contents = file.array();
    for (int at = from; at < contents.length - 1; at++) {
      if (contents[at] == (byte) 0xff) {
        int next = contents[at + 1] & 0xff;
        if (next != 0 && next != 0xff && (next < 0xd0 || next > 0xd7)) {
          return at;
        }
      }
    }
    return contents.length;
  }

  /** Copies a segment whose length field is at {@code at}, marker included. */
  private void copy(int at, int end) throws IOException {
    file.copy(at - 2, end, coded);
  }

  private void write(int marker) {
    coded.write(0xff);
    coded.write(marker);
  }

  private Image decode(long maxPixels, PixelScratch scratch, Reduction needed, FastDecoder fast)
      throws IOException {
    int components = componentIds.length;
    SizeCheck.check(width, height, components == 3 ? 3 : components + 3, maxPixels);
    // Each block of 64 samples takes one bit at the very least.
    SizeCheck.checkHolds(width, height, (long) width * height <= 512L * coded.size(), coded.size());
    byte[] image = coded.toByteArray();
    boolean swapped = Exif.swapsSides(orientation);
    int eighths = needed.eighths(swapped ? height : width, swapped ? width : height);
    byte[] rgb =
        components == 4 ? null : fast.decode(image, isYcc(), width, height, eighths, scratch);
    return Exif.upright(
        rgb == null
            ? Image.rgb(width, height, decodeByJdk(image))
            : Image.rgb(reduced(width, eighths), reduced(height, eighths), rgb),
        orientation);
  }

  /** A side of the picture that libjpeg makes, in pixels. */
  static int reduced(int side, int eighths) {
    return (int) (((long) side * eighths + 7) / 8);
  }

  /** The JDK's samples, as RGB. */
  private byte[] decodeByJdk(byte[] image) throws IOException {
    int components = componentIds.length;
    Raster raster = readRaster(image);
    ImageIoReaders.checkSize(raster, width, height);
    byte[] samples = ImageIoReaders.interleaved(raster, components);
    if (samples == null) {
      throw new IOException("the JDK's reader gave " + raster);
    }
    return switch (components) {
      case 1 -> fromGrey(samples);
      case 3 -> {
        if (isYcc()) {
          fromYcc(samples, 3);
        }
        yield samples;
      }
      default -> fromCmyk(samples, adobeTransform == 2);
    };
  }

  private static Raster readRaster(byte[] image) throws IOException {
    List<String> warnings = new ArrayList<>();
    ImageReader reader = ImageIoReaders.jpeg();
    try {
      reader.addIIOReadWarningListener((source, warning) -> warnings.add(warning));
      reader.setInput(new ByteArrayImageInputStream(image), true, true);
      Raster raster = reader.readRaster(0, null);
      for (String warning : warnings) {
        if (warning.toLowerCase(Locale.ROOT).contains("premature end")) {
          throw new IOException("truncated or damaged: " + warning);
        }
      }
      return raster;
    } finally {
      reader.dispose();
    }
  }

  /** libjpeg's rule for three components (default_decompress_parms). */
  private boolean isYcc() {
    if (jfif) {
      return true;
    }
    if (adobeTransform != NO_ADOBE) {
      return adobeTransform != 0;
    }
    return !(componentIds[0] == 'R' && componentIds[1] == 'G' && componentIds[2] == 'B');
  }

  private static byte[] fromGrey(byte[] grey) {
    byte[] rgb = new byte[3 * grey.length];
    for (int i = 0; i < grey.length; i++) {
      rgb[3 * i] = grey[i];
      rgb[3 * i + 1] = grey[i];
      rgb[3 * i + 2] = grey[i];
    }
    return rgb;
  }

  /** JFIF's YCbCr to RGB in place, in libjpeg's 16-bit fixed point. */
  private static void fromYcc(byte[] samples, int stride) {
    for (int i = 0; i < samples.length; i += stride) {
      int y = samples[i] & 0xff;
      int cb = (samples[i + 1] & 0xff) - 128;
      int cr = (samples[i + 2] & 0xff) - 128;
      samples[i] = clip(y + ((91881 * cr + 32768) >> 16));
      samples[i + 1] = clip(y + ((-22554 * cb - 46802 * cr + 32768) >> 16));
      samples[i + 2] = clip(y + ((116130 * cb + 32768) >> 16));
    }
  }

  /**
   * Adobe's inverted CMYK, or YCCK, to RGB as Pillow converts it. YCCK's first three turned into
   * RGB are the ink itself; CMYK's are 255 - ink; the fourth is 255 - black in both.
   */
  private static byte[] fromCmyk(byte[] samples, boolean ycck) {
    if (ycck) {
      fromYcc(samples, 4);
    }
    int flip = ycck ? 0xff : 0;
    byte[] rgb = new byte[samples.length / 4 * 3];
    for (int i = 0, at = 0; i < samples.length; i += 4) {
      int light = samples[i + 3] & 0xff;
      for (int channel = 0; channel < 3; channel++) {
        int ink = 255 - ((samples[i + channel] ^ flip) & 0xff);
        int product = ink * light + 128;
        rgb[at++] = clip(light - (((product >> 8) + product) >> 8));
      }
    }
    return rgb;
  }

  private static byte clip(int value) {
    return (byte) Math.min(Math.max(value, 0), 255);
  }
}
