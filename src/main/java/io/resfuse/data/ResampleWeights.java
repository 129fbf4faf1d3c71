package io.resfuse.data;

/**
 * What each output pixel takes of which input pixels along one axis, in the fixed point of Pillow's
 * 8-bit resize: 22 fraction bits, weights computed and normalised in double, then rounded half away
 * from zero.
 */
final class ResampleWeights {
  static final int FRACTION_BITS = 22;

  /** Per output pixel of the window: its first input pixel. Never decreases. */
  final int[] first;

  /** Per output pixel of the window: how many input pixels it takes. At least 1. */
  final int[] count;

  /** The weights, {@link #stride} per output pixel. */
  final int[] weights;

  final int stride;

  private ResampleWeights(int[] first, int[] count, int[] weights, int stride) {
    this.first = first;
    this.count = count;
    this.weights = weights;
    this.stride = stride;
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
    int stride = (int) Math.min(in, 2 * (long) Math.ceil(support) + 1);
    int[] first = new int[size];
    int[] count = new int[size];
    int[] weights = new int[Math.multiplyExact(size, stride)];
    double[] exact = new double[stride];
    for (int i = 0; i < size; i++) {
      double centre = (start + i + 0.5) * scale;
      int low = Math.max((int) (centre - support + 0.5), 0);
      int high = Math.min((int) (centre + support + 0.5), in);
      double sum = 0;
      for (int x = low; x < high; x++) {
        double weight = filter.weight((x - centre + 0.5) * inverse);
        exact[x - low] = weight;
        sum += weight;
      }
      for (int x = low; x < high; x++) {
        double weight = sum == 0 ? exact[x - low] : exact[x - low] / sum;
        double scaled = weight * (1 << FRACTION_BITS);
        weights[i * stride + x - low] = (int) (scaled < 0 ? scaled - 0.5 : scaled + 0.5);
      }
      first[i] = low;
      count[i] = high - low;
    }
    return new ResampleWeights(first, count, weights, stride);
  }

  int size() {
    return first.length;
  }

  int last(int i) {
    return first[i] + count[i];
  }
}
