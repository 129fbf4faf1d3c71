package io.resfuse.data.image;

import org.jspecify.annotations.Nullable;

/**
 * What each output pixel takes of which input pixels along one axis, in the fixed point of Pillow's
 * 8-bit resize: 22 fraction bits, weights computed and normalised in double, then rounded half away
 * from zero. Not thread-safe.
 */
final class ResampleWeights {
  static final int FRACTION_BITS = 22;

  /** Per output pixel of the window: its first input pixel. Never decreases. */
  final int[] first;

  /** Per output pixel of the window: how many input pixels it takes. At least 1. */
  final int[] count;

  /**
   * The weights: that of an output pixel's first input pixel, that of its second, and so on, each
   * array in the order of the output. Zero beyond an output pixel's count; their number is even.
   */
  final int[][] weights;

  /** Made when it is first asked for. */
  private int @Nullable [] packed;

  private ResampleWeights(int[] first, int[] count, int[][] weights) {
    this.first = first;
    this.count = count;
    this.weights = weights;
  }

  /**
   * The weights of a window of the output.
   *
   * @param in size of the input
   * @param out size of the whole output
   * @param start where the window begins in the output
   * @param size of the window
   */
  static ResampleWeights of(int in, long out, long start, int size, Resampling filter) {
    double scale = (double) in / out;
    double filterScale = Math.max(scale, 1);
    double support = filter.support() * filterScale;
    double inverse = 1 / filterScale;
    int[] first = new int[size];
    int[] count = new int[size];
    int most = 0;
    for (int i = 0; i < size; i++) {
      double centre = (start + i + 0.5) * scale;
      first[i] = Math.max((int) (centre - support + 0.5), 0);
      count[i] = Math.min((int) (centre + support + 0.5), in) - first[i];
      most = Math.max(most, count[i]);
    }
    int[][] weights = new int[most + most % 2][size];
    double[] exact = new double[most];
    for (int i = 0; i < size; i++) {
      double centre = (start + i + 0.5) * scale;
      double sum = 0;
      for (int k = 0; k < count[i]; k++) {
        double weight = filter.weight((first[i] + k - centre + 0.5) * inverse);
        exact[k] = weight;
        sum += weight;
      }
      for (int k = 0; k < count[i]; k++) {
        double weight = sum == 0 ? exact[k] : exact[k] / sum;
        double scaled = weight * (1 << FRACTION_BITS);
        weights[k][i] = (int) (scaled < 0 ? scaled - 0.5 : scaled + 0.5);
      }
    }
    return new ResampleWeights(first, count, weights);
  }

  /**
   * The same for {@code native/pictures}: size, taps, {@link #first}, {@link #count}, then the
   * weights of each output pixel in turn.
   */
  int[] packed() {
    int[] all = packed;
    if (all == null) {
      int taps = weights.length;
      all = new int[2 + size() * (2 + taps)];
      all[0] = size();
      all[1] = taps;
      System.arraycopy(first, 0, all, 2, size());
      System.arraycopy(count, 0, all, 2 + size(), size());
      int at = 2 + 2 * size();
      for (int i = 0; i < size(); i++) {
        for (int[] tap : weights) {
          all[at++] = tap[i];
        }
      }
      packed = all;
    }
    return all;
  }

  int size() {
    return first.length;
  }

  int last(int i) {
    return first[i] + count[i];
  }

  /** The most output pixels that take one input pixel, so that are to be summed at a time. */
  int overlap() {
    int most = 0;
    int end = 0;
    for (int i = 0; i < size(); i++) {
      while (end < size() && first[end] < last(i)) {
        end++;
      }
      most = Math.max(most, end - i);
    }
    return most;
  }
}
