package io.resfuse.data.image;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Resizes pictures, equal bit for bit to Pillow's {@code Image.resize} for 8-bit modes: first the
 * rows, rounded to 8 bits, then the columns. Computes only the window of the output that is asked
 * for; since each output pixel depends on its own inputs only, that changes no value.
 *
 * <p>{@link PictureKernels} do it where they are there, else the loops here. These run over arrays
 * of their own from index 0, with shifts by constants: the JIT of JDK 17 vectorises those, and not
 * loops with an offset or a variable shift.
 *
 * <p>Keeps its scratch between calls: one row, and one row of sums per row of the window that an
 * input row counts for, whatever the size of the input. Not thread-safe: one per thread.
 */
final class Resampler {
  private static final int HALF = 1 << (ResampleWeights.FRACTION_BITS - 1);

  private final boolean kernels;

  /** What the window's columns need of a row of the source. */
  private byte[] line = new byte[0];

  /** Per column of the window, where its pixels begin in {@link #line}. */
  private int[] starts = new int[0];

  private int[] left = new int[0];
  private int[] right = new int[0];

  /** Per channel, a row of the source resized. */
  private int[][] row = new int[0][0];

  /** Rows of the window that are being summed, each with an array per channel. */
  private int[][][] sums = new int[0][0][0];

  private @Nullable AlphaResampler alpha;
  private @Nullable AxisKey columnsKey;
  private @Nullable AxisKey rowsKey;
  private @Nullable ResampleWeights columns;
  private @Nullable ResampleWeights rows;

  private record AxisKey(int in, long out, long start, int size, Resampling filter) {}

  /** With {@link PictureKernels} where they are there. */
  Resampler() {
    this(PictureKernels.areThere());
  }

  /**
   * With or without {@link PictureKernels}.
   *
   * @param kernels only if they are there
   */
  Resampler(boolean kernels) {
    this.kernels = kernels;
  }

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
    if (window.outWidth == box.width && window.outHeight == box.height) {
      copy(source, box, window, target, offset, stride);
      return;
    }
    if (source.channels() == 4) {
      alpha().resample(source, box, window, filter, target, offset, stride);
      return;
    }
    ResampleWeights horizontal = columns(box, window, filter);
    ResampleWeights vertical = rows(box, window, filter);
    if (kernels) {
      PictureKernels.resample(
          source, box.left, box.top, horizontal, vertical, target, offset, stride);
    } else {
      resample(source, box, window, horizontal, vertical, target, offset, stride);
    }
  }

  private void resample(
      Image source,
      Box box,
      Window window,
      ResampleWeights horizontal,
      ResampleWeights vertical,
      byte[] target,
      int offset,
      int stride) {
    int channels = source.channels();
    reserve(channels, window.width, horizontal, vertical.overlap());
    int done = 0;
    int begun = 0;
    int end = vertical.last(window.height - 1);
    for (int y = vertical.first[0]; y < end; y++) {
      while (begun < window.height && vertical.first[begun] <= y) {
        for (int[] plane : sums[begun % sums.length]) {
          Arrays.fill(plane, HALF);
        }
        begun++;
      }
      int start = ((box.top + y) * source.width() + box.left) * channels;
      horizontalPass(source.pixels(), start, channels, horizontal);
      for (int out = done; out < begun; out++) {
        int weight = vertical.weights[y - vertical.first[out]][out];
        for (int channel = 0; channel < channels; channel++) {
          addScaled(sums[out % sums.length][channel], row[channel], weight);
        }
      }
      while (done < begun && vertical.last(done) == y + 1) {
        round(sums[done % sums.length], target, offset + done * stride);
        done++;
      }
    }
  }

  private AlphaResampler alpha() {
    AlphaResampler found = alpha;
    if (found == null) {
      found = new AlphaResampler(this);
      alpha = found;
    }
    return found;
  }

  private void reserve(int channels, int width, ResampleWeights columns, int rows) {
    int[] first = columns.first;
    int base = first[0];
    int pixels = first[width - 1] - base + columns.weights.length;
    int bytes = Math.addExact(Math.multiplyExact(pixels, channels), RgbBytes.SLACK);
    if (line.length < bytes) {
      line = new byte[bytes];
    }
    if (row.length != channels || left.length != width) {
      starts = new int[width];
      left = new int[width];
      right = new int[width];
      row = new int[channels][width];
      sums = new int[0][0][0];
    }
    if (sums.length < rows) {
      sums = new int[rows][channels][width];
    }
    for (int x = 0; x < width; x++) {
      starts[x] = (first[x] - base) * channels;
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
    int base = weights.first[0];
    int length = (weights.last(weights.size() - 1) - base) * channels;
    System.arraycopy(pixels, start + base * channels, line, 0, length);
    for (int[] plane : row) {
      Arrays.fill(plane, HALF);
    }
    if (channels == 3) {
      for (int tap = 0; tap < weights.weights.length; tap += 2) {
        RgbBytes.pairs(line, starts, 3 * tap, left, right, starts.length);
        addRed(row[0], left, weights.weights[tap], right, weights.weights[tap + 1]);
        addGreen(row[1], left, weights.weights[tap], right, weights.weights[tap + 1]);
        addBlue(row[2], left, weights.weights[tap], right, weights.weights[tap + 1]);
      }
    } else {
      for (int tap = 0; tap < weights.weights.length; tap++) {
        addGrey(row[0], line, starts, tap, weights.weights[tap]);
      }
    }
    for (int[] plane : row) {
      clip(plane);
    }
  }

  private static void addRed(int[] plane, int[] left, int[] first, int[] right, int[] second) {
    for (int x = 0; x < plane.length; x++) {
      plane[x] += first[x] * (left[x] & 0xff) + second[x] * (right[x] & 0xff);
    }
  }

  private static void addGreen(int[] plane, int[] left, int[] first, int[] right, int[] second) {
    for (int x = 0; x < plane.length; x++) {
      plane[x] += first[x] * ((left[x] >> 8) & 0xff) + second[x] * ((right[x] >> 8) & 0xff);
    }
  }

  private static void addBlue(int[] plane, int[] left, int[] first, int[] right, int[] second) {
    for (int x = 0; x < plane.length; x++) {
      plane[x] += first[x] * ((left[x] >> 16) & 0xff) + second[x] * ((right[x] >> 16) & 0xff);
    }
  }

  private static void addGrey(int[] plane, byte[] line, int[] starts, int tap, int[] weights) {
    for (int x = 0; x < plane.length; x++) {
      plane[x] += weights[x] * (line[starts[x] + tap] & 0xff);
    }
  }

  private static void addScaled(int[] plane, int[] values, int weight) {
    for (int x = 0; x < plane.length; x++) {
      plane[x] += weight * values[x];
    }
  }

  private void round(int[][] planes, byte[] target, int offset) {
    for (int[] plane : planes) {
      clip(plane);
    }
    if (planes.length == 3) {
      join(planes[0], planes[1], planes[2], left);
      RgbBytes.write(left, left.length, target, offset);
    } else {
      for (int x = 0; x < planes[0].length; x++) {
        target[offset + x] = (byte) planes[0][x];
      }
    }
  }

  private static void join(int[] red, int[] green, int[] blue, int[] words) {
    for (int x = 0; x < words.length; x++) {
      words[x] = red[x] | green[x] << 8 | blue[x] << 16;
    }
  }

  /** From fixed point to 0 to 255; without a comparison, so that the JIT vectorises it. */
  private static void clip(int[] plane) {
    for (int x = 0; x < plane.length; x++) {
      int value = plane[x] >> ResampleWeights.FRACTION_BITS;
      plane[x] = ((value & ~(value >> 31)) | ((255 - value) >> 31)) & 0xff;
    }
  }
}
