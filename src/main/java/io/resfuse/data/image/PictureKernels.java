package io.resfuse.data.image;

import io.resfuse.platform.NativeFiles;
import io.resfuse.platform.OperatingSystem;
import io.resfuse.platform.Platform;
import io.resfuse.platform.Settings;
import java.io.IOException;
import java.net.URL;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The library {@code native/pictures}: JPEGs decoded by libjpeg-turbo, resizing in C++; the same
 * samples as the JDK's decoder and {@link Resampler} give, several times as fast. Where it is not
 * in the jar (no compiler when that was built, or another platform), and where {@link
 * Settings#PICTURE_KERNELS} is {@code off}, these do the work; that is logged once.
 *
 * <p>libjpeg-turbo is the one inside the native library of Leptonica, of which nothing else is
 * used. Stateless; any thread may use it.
 */
final class PictureKernels {
  private static final Logger log = LoggerFactory.getLogger(PictureKernels.class);
  private static final String NAME = "resfuse-pictures";

  private PictureKernels() {}

  /** Loads the library when it is first asked for. */
  private static final class Library {
    static final boolean LOADED = load();

    private static boolean load() {
      String problem =
          Settings.PICTURE_KERNELS.value().orElse("").equals("off")
              ? Settings.PICTURE_KERNELS.key() + " is off"
              : NativeFiles.load(NAME);
      if (problem != null) {
        log.info("pictures are decoded and resized in Java, which is slower: {}", problem);
      }
      return problem == null;
    }
  }

  /** Loads libjpeg-turbo when it is first asked for. */
  private static final class LibJpeg {
    static final boolean LOADED = Library.LOADED && load();

    private static boolean load() {
      String problem = problem();
      if (problem != null) {
        log.info("JPEGs are decoded by the JDK, which is slower: {}", problem);
      }
      return problem == null;
    }

    private static @Nullable String problem() {
      boolean mac = OperatingSystem.current() == OperatingSystem.MACOS;
      String resource =
          "/org/bytedeco/leptonica/%s/%s"
              .formatted(Platform.current(), mac ? "libleptonica.6.dylib" : "libleptonica.so.6");
      URL library = PictureKernels.class.getResource(resource);
      if (library == null) {
        return "libjpeg-turbo is not on the class path: " + resource;
      }
      try {
        return openJpeg(NativeFiles.unpack(library).toString());
      } catch (IOException e) {
        return e.toString();
      }
    }
  }

  /** Says once that asking for less than the whole is in vain. */
  private static final class Whole {
    static {
      log.warn("JPEGs are decoded whole, not scaled: libjpeg-turbo is not there");
    }

    static void say() {
      // The class is initialised by the first call.
    }
  }

  /** Whether {@link #resample} is there. */
  static boolean areThere() {
    return Library.LOADED;
  }

  /** Whether {@link #decode} has libjpeg-turbo. */
  static boolean decodeJpegs() {
    return LibJpeg.LOADED;
  }

  /** A {@link JpegDecoder.FastDecoder}: null, too, where there is no libjpeg-turbo. */
  static byte @Nullable [] decode(
      byte[] coded, boolean ycc, int width, int height, int eighths, PixelScratch scratch) {
    if (!LibJpeg.LOADED) {
      if (eighths < 8) {
        Whole.say();
      }
      return null;
    }
    int outWidth = JpegDecoder.reduced(width, eighths);
    int outHeight = JpegDecoder.reduced(height, eighths);
    byte[] rgb = scratch.take(Math.multiplyExact(3 * outWidth, outHeight));
    return decodeJpeg(coded, ycc, width, height, eighths, rgb) ? rgb : null;
  }

  /**
   * Resizes a box of a picture.
   *
   * @param source the picture
   * @param left the box's first column
   * @param top its first row
   * @param columns of the window, over the box's width
   * @param rows of the window, over the box's height
   * @param target receives the window's rows, channels interleaved
   * @param offset of the window's first byte
   * @param stride bytes from one row of the window to the next
   * @throws IndexOutOfBoundsException if the box is not inside the picture, or the window not
   *     inside the target
   */
  static void resample(
      Image source,
      int left,
      int top,
      ResampleWeights columns,
      ResampleWeights rows,
      byte[] target,
      int offset,
      int stride) {
    Objects.checkIndex(left + columns.last(columns.size() - 1) - 1, source.width());
    Objects.checkIndex(top + rows.last(rows.size() - 1) - 1, source.height());
    int line = columns.size() * source.channels();
    Objects.checkFromIndexSize(offset, (rows.size() - 1) * stride + line, target.length);
    resample(
        source.pixels(),
        (top * source.width() + left) * source.channels(),
        source.width() * source.channels(),
        source.channels(),
        columns.packed(),
        rows.packed(),
        target,
        offset,
        stride);
  }

  /** Returns what is wrong with a library that should have libjpeg-turbo; null if nothing is. */
  private static native @Nullable String openJpeg(String path);

  private static native boolean decodeJpeg(
      byte[] coded, boolean ycc, int width, int height, int eighths, byte[] rgb);

  private static native void resample(
      byte[] source,
      int offset,
      int stride,
      int channels,
      int[] columns,
      int[] rows,
      byte[] target,
      int targetOffset,
      int targetStride);
}
