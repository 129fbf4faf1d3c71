package io.resfuse.data;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Resizes pictures, equal bit for bit to Pillow's {@code Image.resize} for 8-bit modes: first the
 * rows, rounded to 8 bits, then the columns. Computes only the window of the output that is asked
 * for; since each output pixel depends on its own inputs only, that changes no value.
 *
 * <p>Keeps its scratch between calls: one row, and one row of sums per row of the window, whatever
 * the size of the input. Not thread-safe: one per thread.
 */
final class Resampler {
  private static final int HALF = 1 << (ResampleWeights.FRACTION_BITS - 1);

  private int[] row = new int[0];
  private int[] sums = new int[0];
  private @Nullable AxisKey columnsKey;
  private @Nullable AxisKey rowsKey;
  private @Nullable ResampleWeights columns;
  private @Nullable ResampleWeights rows;

  private record AxisKey(int in, long out, long start, int size, Resampling filter) {}

  /** A box of the source, which is resized as if it were a picture of its own. */
  record Box(int left, int top, int width, int height) {}

  /** The part of the resized picture, of (outWidth, outHeight) pixels, that is wanted. */
  record Window(long outWidth, long outHeight, long left, long top, int width, int height) {}

  /**
   * Resizes.
   *
   * @param source the picture
   * @param box inside the picture
   * @param window inside the resized box
   * @param target receives the window's rows, channels interleaved
   * @param offset of the window's first byte
   * @param stride bytes from one row to the next
   */
  void resample(
      Image source,
      Box box,
      Window window,
      Resampling filter,
      byte[] target,
      int offset,
      int stride) {
    int channels = source.channels();
    if (window.outWidth == box.width && window.outHeight == box.height) {
      copy(source, box, window, target, offset, stride);
      return;
    }
    ResampleWeights horizontal = columns(box, window, filter);
    ResampleWeights vertical = rows(box, window, filter);
    int length = window.width * channels;
    if (row.length < length) {
      row = new int[length];
    }
    int total = Math.multiplyExact(length, window.height);
    if (sums.length < total) {
      sums = new int[total];
    }
    Arrays.fill(sums, 0, total, HALF);
    int done = 0;
    int begun = 0;
    int end = vertical.last(window.height - 1);
    for (int y = vertical.first[0]; y < end; y++) {
      while (begun < window.height && vertical.first[begun] <= y) {
        begun++;
      }
      int start = ((box.top + y) * source.width() + box.left) * channels;
      horizontalPass(source.pixels(), start, channels, horizontal);
      for (int out = done; out < begun; out++) {
        int weight = vertical.weights[out * vertical.stride + y - vertical.first[out]];
        addScaled(sums, out * length, row, weight, length);
      }
      while (done < begun && vertical.last(done) == y + 1) {
        round(sums, done * length, target, offset + done * stride, length);
        done++;
      }
    }
  }

  private static void copy(
      Image source, Box box, Window window, byte[] target, int offset, int stride) {
    int channels = source.channels();
    for (int y = 0; y < window.height; y++) {
      int from =
          ((box.top + (int) window.top + y) * source.width() + box.left + (int) window.left)
              * channels;
      System.arraycopy(source.pixels(), from, target, offset + y * stride, window.width * channels);
    }
  }

  private ResampleWeights columns(Box box, Window window, Resampling filter) {
    AxisKey key = new AxisKey(box.width, window.outWidth, window.left, window.width, filter);
    ResampleWeights found = columns;
    if (found == null || !key.equals(columnsKey)) {
      found = ResampleWeights.of(key.in, key.out, key.start, key.size, filter);
      columns = found;
      columnsKey = key;
    }
    return found;
  }

  private ResampleWeights rows(Box box, Window window, Resampling filter) {
    AxisKey key = new AxisKey(box.height, window.outHeight, window.top, window.height, filter);
    ResampleWeights found = rows;
    if (found == null || !key.equals(rowsKey)) {
      found = ResampleWeights.of(key.in, key.out, key.start, key.size, filter);
      rows = found;
      rowsKey = key;
    }
    return found;
  }

  /** Resizes one row of the source into {@link #row}, rounded to 8 bits. */
  private void horizontalPass(byte[] pixels, int start, int channels, ResampleWeights weights) {
    if (channels == 3) {
      horizontalRgb(pixels, start, weights, row);
    } else {
      horizontalGrey(pixels, start, weights, row);
    }
  }

  private static void horizontalRgb(byte[] pixels, int start, ResampleWeights w, int[] row) {
    for (int x = 0; x < w.size(); x++) {
      int red = HALF;
      int green = HALF;
      int blue = HALF;
      int from = start + 3 * w.first[x];
      int at = x * w.stride;
      for (int end = at + w.count[x]; at < end; at++) {
        int weight = w.weights[at];
        red += weight * (pixels[from] & 0xff);
        green += weight * (pixels[from + 1] & 0xff);
        blue += weight * (pixels[from + 2] & 0xff);
        from += 3;
      }
      row[3 * x] = clip(red);
      row[3 * x + 1] = clip(green);
      row[3 * x + 2] = clip(blue);
    }
  }

  private static void horizontalGrey(byte[] pixels, int start, ResampleWeights w, int[] row) {
    for (int x = 0; x < w.size(); x++) {
      int sum = HALF;
      int from = start + w.first[x];
      int at = x * w.stride;
      for (int end = at + w.count[x]; at < end; at++) {
        sum += w.weights[at] * (pixels[from++] & 0xff);
      }
      row[x] = clip(sum);
    }
  }

  /** {@code sums[offset + i] += weight * row[i]}; vectorised by the JIT. */
  private static void addScaled(int[] sums, int offset, int[] row, int weight, int length) {
    for (int i = 0; i < length; i++) {
      sums[offset + i] += weight * row[i];
    }
  }

  private static void round(int[] sums, int from, byte[] target, int to, int length) {
    for (int i = 0; i < length; i++) {
      target[to + i] = (byte) clip(sums[from + i]);
    }
  }

  private static int clip(int fixed) {
    return Math.min(Math.max(fixed >> ResampleWeights.FRACTION_BITS, 0), 255);
  }
}
