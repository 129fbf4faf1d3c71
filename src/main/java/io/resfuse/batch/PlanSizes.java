package io.resfuse.batch;

import java.util.List;

/**
 * The sizes that a device has plans of, and how many of the requests that wait go into one batch.
 *
 * @param sizes images, ascending
 * @param seconds that a run of each takes
 */
record PlanSizes(List<Integer> sizes, List<Double> seconds) {
  /** How much faster a smaller size must be: less is noise. */
  private static final double LEAST_GAIN = 0.05;

  /**
   * The size for requests that wait: the largest if that is full, else the one with most images per
   * second.
   *
   * @param waiting at least 1
   */
  int best(int waiting) {
    int last = sizes.size() - 1;
    if (waiting >= sizes.get(last)) {
      return sizes.get(last);
    }
    int best = last;
    for (int i = last - 1; i >= 0; i--) {
      if (rate(i, waiting) > rate(best, waiting) * (1 + LEAST_GAIN)) {
        best = i;
      }
    }
    return sizes.get(best);
  }

  private double rate(int index, int waiting) {
    return Math.min(waiting, sizes.get(index)) / seconds.get(index);
  }
}
