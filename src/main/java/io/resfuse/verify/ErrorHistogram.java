package io.resfuse.verify;

import java.util.ArrayList;
import java.util.List;

/**
 * Counts of errors by decade, each relative to the root mean square of its tensor. Not thread-safe.
 */
public final class ErrorHistogram {
  private static final int LEAST = -9;
  private static final int MOST = 0;

  private final long[] counts = new long[MOST - LEAST + 3];

  ErrorHistogram() {}

  void add(double[] got, double[] expected) {
    double scale = Tolerance.norm(expected) / Math.sqrt(expected.length);
    for (int i = 0; i < expected.length; i++) {
      double error = Math.abs(got[i] - expected[i]);
      counts[bin(scale > 0 ? error / scale : error)]++;
    }
  }

  private static int bin(double relative) {
    if (relative == 0) {
      return 0;
    }
    if (!(relative < 1)) {
      return MOST - LEAST + 2;
    }
    int decade = (int) Math.floor(Math.log10(relative));
    return Math.max(decade, LEAST - 1) - LEAST + 2;
  }

  /**
   * What the bins hold.
   *
   * @return labels: {@code 0} for no error, then the lower ends of decades
   */
  public static List<String> labels() {
    List<String> labels = new ArrayList<>(List.of("0", "less"));
    for (int decade = LEAST; decade <= MOST; decade++) {
      labels.add("1e" + decade);
    }
    return labels;
  }

  /**
   * The counts.
   *
   * @return one per label; NaN counts in the last
   */
  public List<Long> counts() {
    List<Long> list = new ArrayList<>();
    for (long count : counts) {
      list.add(count);
    }
    return list;
  }
}
