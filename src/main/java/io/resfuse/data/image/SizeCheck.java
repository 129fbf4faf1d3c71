package io.resfuse.data.image;

import java.io.IOException;

/** Refuses sizes before anything is allocated for them. */
final class SizeCheck {
  private SizeCheck() {}

  /**
   * Checks a picture's size against the limit and the heap.
   *
   * @param bytesPerPixel of heap that decoding takes at its peak
   */
  static void check(long width, long height, int bytesPerPixel, long maxPixels) throws IOException {
    if (width < 1 || height < 1) {
      throw new IOException("its size is " + width + " x " + height + " pixels");
    }
    long pixels = width * height;
    long most = Math.min(maxPixels, (Integer.MAX_VALUE - 16) / 3);
    if (pixels > most) {
      throw new IOException(
          "its size is %d x %d pixels, the limit is %d; ImageDecoder.withMaxPixels sets it"
              .formatted(width, height, most));
    }
    long needed = pixels * bytesPerPixel;
    long heap = Runtime.getRuntime().maxMemory();
    if (needed > heap - heap / 8) {
      throw new IOException(
          "its size is %d x %d pixels, which need %d MiB of heap, and there are %d; raise it with -Xmx"
              .formatted(width, height, needed >> 20, heap >> 20));
    }
  }

  /** Refuses a size that so many bytes cannot hold, however well compressed. */
  static void checkHolds(long width, long height, boolean holds, long bytes) throws IOException {
    if (!holds) {
      throw new IOException(
          "truncated: %d bytes of data cannot hold %d x %d pixels".formatted(bytes, width, height));
    }
  }
}
