package io.resfuse.data.image;

import io.resfuse.platform.NativeFiles;
import io.resfuse.platform.OperatingSystem;
import io.resfuse.platform.Settings;
import java.io.IOException;
import java.nio.IntBuffer;
import java.util.concurrent.atomic.AtomicInteger;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.leptonica.PIX;
import org.bytedeco.leptonica.global.leptonica;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * libjpeg-turbo, which is part of the library of Leptonica: several times as fast as the JDK's
 * libjpeg, with the same samples. Taken where Leptonica is on the class path with its library for
 * this platform, and {@code -Dresfuse.jpeg} does not say {@code jdk}; a line in the log says which
 * decoder it is. Stateless; any thread may use it.
 *
 * <p>Not on Windows: Leptonica reads from memory by way of a temporary file there.
 */
final class TurboJpeg {
  private static final Logger log = LoggerFactory.getLogger(TurboJpeg.class);

  /** So many pictures of a process are left to the JDK, as loading the library takes as long. */
  private static final int FIRST = 8;

  private static final int NO_MESSAGES = 6;

  private static final AtomicInteger asked = new AtomicInteger();

  private TurboJpeg() {}

  /** Loads the library when it is first used. */
  private static final class Library {
    private static final boolean LOADED = load();

    private static boolean load() {
      String problem;
      if (Settings.JPEG.value().orElse("").equals("jdk")) {
        problem = "-D" + Settings.JPEG.key() + " says so";
      } else if (OperatingSystem.current() == OperatingSystem.WINDOWS) {
        problem = "libjpeg-turbo is not taken on Windows";
      } else {
        try {
          NativeFiles.useForJavaCpp();
          Loader.load(leptonica.class);
          leptonica.setMsgSeverity(NO_MESSAGES);
          log.debug("JPEGs are decoded by libjpeg-turbo");
          return true;
        } catch (IOException | LinkageError | RuntimeException e) {
          problem = "libjpeg-turbo, which is faster, cannot be loaded: " + e;
        }
      }
      log.info("JPEGs are decoded by the JDK: {}", problem);
      return false;
    }
  }

  /**
   * A {@link JpegDecoder.FastDecoder}: null, too, for the first pictures and where the library is
   * not there.
   */
  static byte @Nullable [] decode(
      byte[] coded, boolean ycc, int width, int height, PixelScratch scratch) {
    if (asked.get() < FIRST && asked.getAndIncrement() < FIRST) {
      return null;
    }
    return Library.LOADED ? decodeNow(coded, ycc, width, height, scratch) : null;
  }

  /** The same, once the library is loaded; null for a picture that it has found damaged only. */
  static byte @Nullable [] decodeNow(
      byte[] coded, boolean ycc, int width, int height, PixelScratch scratch) {
    byte[] adobe = adobeMarker(ycc);
    int length = coded.length + adobe.length;
    try (BytePointer file = new BytePointer(length);
        IntPointer warnings = new IntPointer(1)) {
      file.put(coded, 0, 2);
      file.position(2).put(adobe, 0, adobe.length);
      file.position(2L + adobe.length).put(coded, 2, coded.length - 2);
      PIX picture = leptonica.pixReadMemJpeg(file.position(0), length, 0, 1, warnings, 0);
      if (picture == null || picture.isNull()) {
        return null;
      }
      try {
        boolean expected =
            warnings.get() == 0
                && leptonica.pixGetWidth(picture) == width
                && leptonica.pixGetHeight(picture) == height;
        return expected ? rgb(picture, width, height, scratch) : null;
      } finally {
        leptonica.pixDestroy(picture);
      }
    }
  }

  /** Whether the library is there; loads it. */
  static boolean isLoaded() {
    return Library.LOADED;
  }

  /** Says what three components are, which libjpeg would guess from the markers that are gone. */
  private static byte[] adobeMarker(boolean ycc) {
    byte transform = (byte) (ycc ? 1 : 0);
    return new byte[] {
      (byte) 0xff, (byte) 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, transform
    };
  }

  /** Leptonica's samples, most significant first in words of 32 bits: red, green, blue or grey. */
  private static byte[] rgb(PIX picture, int width, int height, PixelScratch scratch) {
    boolean colour = leptonica.pixGetDepth(picture) == 32;
    int[] line = new int[leptonica.pixGetWpl(picture)];
    int[] words = new int[width];
    byte[] target = scratch.take(Math.multiplyExact(3 * width, height));
    IntBuffer samples =
        leptonica.pixGetData(picture).capacity((long) line.length * height).asBuffer();
    for (int y = 0; y < height; y++) {
      samples.get(line);
      for (int x = 0; x < width; x++) {
        words[x] =
            colour
                ? Integer.reverseBytes(line[x]) & 0xffffff
                : (line[x >> 2] >>> (24 - 8 * (x & 3)) & 0xff) * 0x010101;
      }
      RgbBytes.write(words, width, target, 3 * width * y);
    }
    return target;
  }
}
