package io.resfuse.quantize;

/** Finds where a range is cut. */
final class Thresholds {
  /** Cuts below this many bins would leave nothing of a distribution. */
  private static final int FEWEST_BINS = 2 * 128;

  private Thresholds() {}

  /**
   * The magnitude that becomes the largest integer.
   *
   * @param histogram of magnitudes, not empty
   * @param steps of the magnitudes: 255, or 127 where there are signs
   * @return greater than 0, at most the largest magnitude
   */
  static double of(QuantizationOptions options, Histogram histogram, int steps) {
    return switch (options.method()) {
      case MINMAX -> histogram.largest();
      case PERCENTILE -> percentile(histogram, options.percentile());
      case ENTROPY -> entropy(histogram, steps);
      case MSE -> mse(histogram, steps);
    };
  }

  private static double percentile(Histogram histogram, double percentile) {
    double wanted = percentile / 100 * histogram.total();
    long below = 0;
    for (int bin = 0; bin < Histogram.BINS; bin++) {
      below += histogram.count(bin);
      if (below >= wanted) {
        return (bin + 1) * histogram.width();
      }
    }
    return histogram.largest();
  }

  /** The mean squared error of each cut, elements taken to lie in the middle of their bins. */
  private static double mse(Histogram histogram, int steps) {
    int best = Histogram.BINS;
    double least = Double.POSITIVE_INFINITY;
    for (int bins = FEWEST_BINS; bins <= Histogram.BINS; bins += 16) {
      double step = (double) bins / steps;
      double error = 0;
      for (int bin = 0; bin < Histogram.BINS; bin++) {
        long count = histogram.count(bin);
        if (count > 0) {
          double at = bin + 0.5;
          double stored = Math.min(steps, Math.rint(at / step)) * step;
          error += count * (at - stored) * (at - stored);
        }
      }
      if (error < least) {
        least = error;
        best = bins;
      }
    }
    return best * histogram.width();
  }

  /**
   * Of each cut, the relative entropy of what is stored to the elements: those above the cut count
   * as the largest below it, and what falls into one step is spread evenly over those of its bins
   * that are not empty.
   */
  private static double entropy(Histogram histogram, int steps) {
    int best = Histogram.BINS;
    double least = Double.POSITIVE_INFINITY;
    long all = histogram.total();
    long[] above = new long[Histogram.BINS + 1];
    for (int bin = Histogram.BINS - 1; bin >= 0; bin--) {
      above[bin] = above[bin + 1] + histogram.count(bin);
    }
    for (int bins = FEWEST_BINS; bins <= Histogram.BINS; bins += 16) {
      double divergence = divergence(histogram, steps, bins, above[bins], all);
      if (divergence < least) {
        least = divergence;
        best = bins;
      }
    }
    return best * histogram.width();
  }

  private static double divergence(
      Histogram histogram, int steps, int bins, long outliers, long all) {
    long kept = all - outliers;
    if (kept == 0) {
      return Double.POSITIVE_INFINITY;
    }
    double divergence = 0;
    for (int step = 0; step < steps; step++) {
      int from = (int) ((long) step * bins / steps);
      int to = (int) ((long) (step + 1) * bins / steps);
      long sum = 0;
      int filled = 0;
      for (int bin = from; bin < to; bin++) {
        sum += histogram.count(bin);
        filled += histogram.count(bin) > 0 ? 1 : 0;
      }
      for (int bin = from; bin < to; bin++) {
        double p = histogram.count(bin) + (bin == bins - 1 ? outliers : 0);
        if (p > 0) {
          // A last bin that only outliers fill has nothing stored: as if a half were.
          double q = histogram.count(bin) > 0 ? (double) sum / filled : 0.5;
          divergence += p / all * Math.log(p / all / (q / kept));
        }
      }
    }
    return divergence;
  }
}
