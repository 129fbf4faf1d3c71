package io.resfuse.data.image;

import io.resfuse.platform.FileNames;
import io.resfuse.platform.FileSignature;
import io.resfuse.platform.Printable;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Reads JPEG, PNG, GIF (the first frame), BMP and WebP (the first frame) into RGB, or RGBA where
 * alpha is needed and there, whatever the file's name: the contents decide.
 *
 * <p>The samples are those of Pillow's {@code
 * ImageOps.exif_transpose(Image.open(f)).convert("RGB")} (but see WebP below):
 *
 * <ul>
 *   <li>alpha and transparent colours are dropped, not blended: a pixel keeps the colour stored
 *       under its alpha. Where alpha is needed, the samples are those of {@code convert("RGBA")}
 *       for PNG, GIF and WebP that have it; pictures without it, and all BMPs, have three channels
 *   <li>colour profiles and gamma are ignored; CMYK JPEGs are taken to be inverted as Adobe writes
 *       them, and converted by {@code (255 - c) * (255 - k) / 255}
 *   <li>samples of 16 bits keep their upper 8 (Pillow clips 16-bit grey to 255 instead)
 *   <li>a picture with an EXIF orientation (JPEG, PNG, WebP) is turned upright
 *   <li>lossy WebP takes each pixel's colour from the nearest chroma sample, where libwebp
 *       interpolates: on average one level of difference, at sharp edges of colour up to 40
 * </ul>
 *
 * <p>Files are taken to be hostile: sizes are checked against {@link #maxPixels}, against the
 * file's length and against the heap before anything is allocated. Immutable; any thread may use
 * it. Needs no display; writes no temporary files.
 */
public final class ImageDecoder {
  /** The limit on width x height unless another is set. */
  public static final long DEFAULT_MAX_PIXELS = 200_000_000;

  private static final int MAX_FILE_BYTES = 1 << 30;

  /** What tells formats apart, of those that are read and of others that are only named. */
  private static final int MAGIC_BYTES = 512;

  private static final int QUOTED_BYTES = 12;

  private final long maxPixels;

  /** A decoder with the default limit. */
  public ImageDecoder() {
    this(DEFAULT_MAX_PIXELS);
  }

  private ImageDecoder(long maxPixels) {
    if (maxPixels < 1) {
      throw new IllegalArgumentException("maxPixels must be at least 1, got " + maxPixels);
    }
    this.maxPixels = maxPixels;
  }

  /**
   * A decoder with another limit.
   *
   * @param newMaxPixels the most pixels (width x height) that a picture may have, at least 1; no
   *     picture may have more than 2^31 / 3
   * @return a new decoder
   */
  public ImageDecoder withMaxPixels(long newMaxPixels) {
    return new ImageDecoder(newMaxPixels);
  }

  /**
   * The limit on a picture's size.
   *
   * @return pixels, width x height
   */
  public long maxPixels() {
    return maxPixels;
  }

  /**
   * Reads a file.
   *
   * @param file a picture
   * @return three channels
   * @throws ImageException if it is missing, no picture, damaged or too large
   */
  public Image read(Path file) {
    return read(file, new PixelScratch());
  }

  /**
   * Reads a file.
   *
   * @param file a picture
   * @param scratch where the pixels may go
   * @return three channels, until the scratch is used again
   * @throws ImageException if it is missing, no picture, damaged or too large
   */
  public Image read(Path file, PixelScratch scratch) {
    return read(file, scratch, Reduction.NONE);
  }

  /**
   * Reads a file as far as it is needed.
   *
   * @param file a picture
   * @param scratch where the pixels may go
   * @param needed of the picture
   * @return three channels, or four if alpha is needed and there, until the scratch is used again;
   *     smaller than the picture where it can be
   * @throws ImageException if it is missing, no picture, damaged or too large
   */
  public Image read(Path file, PixelScratch scratch, Reduction needed) {
    String name = FileNames.shown(file);
    byte[] contents = contents(file, name);
    return decode(contents, name, scratch, needed);
  }

  /**
   * Reads a mask: a PNG in which a pixel's number says what is there. That is the index of a
   * palette, whatever its colours are, or a grey sample of up to 8 bits, as it is stored.
   *
   * @param file a PNG
   * @return one channel of such numbers
   * @throws ImageException if it is missing, no such PNG, damaged or too large
   */
  public Image readIndices(Path file) {
    String name = FileNames.shown(file);
    byte[] contents = contents(file, name);
    Format format = Format.of(contents, name);
    if (format != Format.PNG) {
      throw new ImageException(
          name + ": is " + format + "; a mask must be a PNG, with a palette or grey");
    }
    try {
      return PngDecoder.decodeIndices(contents, maxPixels);
    } catch (OutOfMemoryError e) {
      throw new ImageException(name + ": mask needs more heap than is free; raise it with -Xmx", e);
    } catch (IOException | RuntimeException e) {
      throw new ImageException(name + ": cannot be read as a mask: " + message(e), e);
    }
  }

  private static byte[] contents(Path file, String name) {
    try (InputStream stream = Files.newInputStream(file)) {
      byte[] magic = stream.readNBytes(MAGIC_BYTES);
      Format.of(magic, name);
      return readAll(magic, stream, name);
    } catch (NoSuchFileException e) {
      throw new ImageException(name + ": no such file", e);
    } catch (IOException e) {
      String problem = Files.isDirectory(file) ? "is a folder, not a picture" : message(e);
      throw new ImageException(name + ": cannot be read: " + problem, e);
    }
  }

  /**
   * Reads a stream to its end.
   *
   * @param stream a picture; not closed
   * @param name of the picture in messages
   * @return three channels
   * @throws ImageException if it cannot be read, is no picture, damaged or too large
   */
  public Image read(InputStream stream, String name) {
    return read(stream, name, Reduction.NONE);
  }

  /**
   * Reads a stream to its end, and of the picture as much as is needed.
   *
   * @param stream a picture; not closed
   * @param name of the picture in messages
   * @param needed of the picture
   * @return three channels, or four if alpha is needed and there; smaller than the picture where it
   *     can be
   * @throws ImageException if it cannot be read, is no picture, damaged or too large
   */
  public Image read(InputStream stream, String name, Reduction needed) {
    try {
      return decode(readAll(new byte[0], stream, name), name, new PixelScratch(), needed);
    } catch (IOException e) {
      throw new ImageException(name + ": cannot be read: " + message(e), e);
    }
  }

  /**
   * Decodes a file's contents.
   *
   * @param contents the whole file
   * @param name of the picture in messages
   * @return three channels
   * @throws ImageException if it is no picture, damaged or too large
   */
  public Image decode(byte[] contents, String name) {
    return decode(contents, name, Reduction.NONE);
  }

  /**
   * Decodes of a file's contents what is needed.
   *
   * @param contents the whole file
   * @param name of the picture in messages
   * @param needed of the picture
   * @return as {@link #read(Path, PixelScratch, Reduction)}
   * @throws ImageException if it is no picture, damaged or too large
   */
  public Image decode(byte[] contents, String name, Reduction needed) {
    return decode(contents, name, new PixelScratch(), needed);
  }

  /**
   * Decodes a file's contents as far as it is needed.
   *
   * @param contents the whole file
   * @param name of the picture in messages
   * @param scratch where the pixels may go
   * @param needed of the picture
   * @return three channels, until the scratch is used again; smaller than the picture where it can
   *     be
   * @throws ImageException if it is no picture, damaged or too large
   */
  public Image decode(byte[] contents, String name, PixelScratch scratch, Reduction needed) {
    Format format = Format.of(contents, name);
    try {
      return switch (format) {
        case JPEG -> JpegDecoder.decode(contents, maxPixels, scratch, needed);
        case PNG -> PngDecoder.decode(contents, maxPixels, needed.alpha());
        case GIF -> GifDecoder.decode(contents, maxPixels, needed.alpha());
        case BMP -> BmpDecoder.decode(contents, maxPixels);
        case WEBP -> WebpDecoder.decode(contents, maxPixels, needed.alpha());
      };
    } catch (OutOfMemoryError e) {
      // Only the picture's own arrays, which are garbage now.
      throw new ImageException(
          name + ": " + format + " picture needs more heap than is free; raise it with -Xmx", e);
    } catch (IOException | RuntimeException e) {
      throw new ImageException(name + ": cannot be read as " + format + ": " + message(e), e);
    }
  }

  private static byte[] readAll(byte[] start, InputStream stream, String name) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream(Math.max(stream.available(), 1 << 13));
    all.write(start);
    byte[] chunk = new byte[1 << 16];
    for (int read = stream.read(chunk); read >= 0; read = stream.read(chunk)) {
      if (all.size() + read > MAX_FILE_BYTES) {
        throw new ImageException(
            name + ": has more than " + (MAX_FILE_BYTES >> 20) + " MiB, too much for a picture");
      }
      all.write(chunk, 0, read);
    }
    return all.toByteArray();
  }

  private static String message(Throwable error) {
    String text = error.getMessage();
    Throwable cause = error.getCause();
    if (cause != null && cause != error && cause.getMessage() != null) {
      text = text == null ? cause.getMessage() : text + " (" + cause.getMessage() + ")";
    }
    if (text == null || text.isBlank()) {
      return "damaged (" + error.getClass().getSimpleName() + ")";
    }
    return Printable.of(text.lines().findFirst().orElse(text));
  }

  private enum Format {
    JPEG("JPEG"),
    PNG("PNG"),
    GIF("GIF"),
    BMP("BMP"),
    WEBP("WebP");

    private static final String EXPECTED = "a JPEG, PNG, GIF, BMP or WebP picture was expected";

    private final String label;

    Format(String label) {
      this.label = label;
    }

    static Format of(byte[] contents, String name) {
      if (startsWith(contents, 0xff, 0xd8, 0xff)) {
        return JPEG;
      }
      if (startsWith(contents, 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n')) {
        return PNG;
      }
      if (startsWith(contents, 'G', 'I', 'F', '8')) {
        return GIF;
      }
      if (startsWith(contents, 'B', 'M')) {
        return BMP;
      }
      if (startsWith(contents, 'R', 'I', 'F', 'F')
          && contents.length >= 12
          && new String(contents, 8, 4, StandardCharsets.ISO_8859_1).equals("WEBP")) {
        return WEBP;
      }
      FileSignature other =
          FileSignature.of(Arrays.copyOf(contents, Math.min(contents.length, MAGIC_BYTES)));
      if (other != null && other != FileSignature.TEXT) {
        throw new ImageException(name + ": is " + other.title() + "; " + remedy(other));
      }
      throw new ImageException(
          name
              + (contents.length == 0 ? ": is empty" : ": starts with " + quote(contents))
              + "; "
              + EXPECTED);
    }

    private static String remedy(FileSignature other) {
      return switch (other) {
        case HEIC, AVIF, TIFF, RAW, JPEG_XL, JPEG_2000, PSD, ICO, PNM, EXR, DDS, QOI, DICOM, FITS ->
            "convert it to JPEG or PNG";
        case SVG, PDF, POSTSCRIPT -> "draw it as a PNG first";
        case MP4, MATROSKA, AVI -> "write its pictures as JPEG or PNG first";
        case ZIP, GZIP, BZIP2, XZ, ZSTD, SEVEN_ZIP, RAR, TAR -> "unpack it first";
        case GIT_LFS -> "run 'git lfs pull'";
        case HTML -> "did a download fail? " + EXPECTED;
        default -> EXPECTED;
      };
    }

    private static boolean startsWith(byte[] contents, int... magic) {
      if (contents.length < magic.length) {
        return false;
      }
      for (int i = 0; i < magic.length; i++) {
        if ((contents[i] & 0xff) != magic[i]) {
          return false;
        }
      }
      return true;
    }

    private static String quote(byte[] contents) {
      byte[] start = Arrays.copyOf(contents, Math.min(contents.length, QUOTED_BYTES));
      StringBuilder text = new StringBuilder("'");
      for (byte b : start) {
        text.append(b >= 0x20 && b < 0x7f ? String.valueOf((char) b) : "\\x%02x".formatted(b));
      }
      return text.append("'").toString();
    }

    @Override
    public String toString() {
      return label;
    }
  }
}
