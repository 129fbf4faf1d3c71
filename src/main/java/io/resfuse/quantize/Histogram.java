package io.resfuse.quantize;

import java.nio.FloatBuffer;

/**
 * How often magnitudes occur, zeros left out: bins of the same width from 0 to the largest. Counts
 * are integers, so that it does not matter in which order pictures are added. Thread-safe.
 */
final class Histogram {
  /** As many as 16 steps of an integer each have. */
  static final int BINS = 4096;

  private final double largest;
  private final long[] counts = new long[BINS];

  /**
   * An empty one.
   *
   * @param largest magnitude, greater than 0
   */
  Histogram(double largest) {
    this.largest = largest;
  }

  /** The largest magnitude. */
  double largest() {
    return largest;
  }

  /** The width of a bin. */
  double width() {
    return largest / BINS;
  }

  /** The elements in a bin. */
  long count(int bin) {
    return counts[bin];
  }

  /** All elements that are not zero. */
  long total() {
    long sum = 0;
    for (long count : counts) {
      sum += count;
    }
    return sum;
  }

  /** Adds the elements of a picture. */
  void add(FloatBuffer elements) {
    int[] found = new int[BINS];
    double factor = BINS / largest;
    for (int i = 0; i < elements.capacity(); i++) {
      float magnitude = Math.abs(elements.get(i));
      if (magnitude > 0) {
        found[Math.min(BINS - 1, (int) (magnitude * factor))]++;
      }
    }
    synchronized (counts) {
      for (int bin = 0; bin < BINS; bin++) {
        counts[bin] += found[bin];
      }
    }
  }
}
