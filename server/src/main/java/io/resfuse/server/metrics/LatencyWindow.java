package io.resfuse.server.metrics;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The last latencies, of which quantiles are taken. Thread-safe and without locks: a reader may see
 * some of the next ones.
 */
final class LatencyWindow {
  private static final int SIZE = 1024;

  private final AtomicLongArray nanos = new AtomicLongArray(SIZE);
  private final AtomicLong count = new AtomicLong();

  void add(long latency) {
    nanos.set((int) (count.getAndIncrement() % SIZE), latency);
  }

  /**
   * Quantiles.
   *
   * @param quantiles from 0 to 1
   * @return seconds; NaN if there are no latencies
   */
  double[] seconds(double... quantiles) {
    int filled = (int) Math.min(SIZE, count.get());
    long[] sorted = new long[filled];
    for (int i = 0; i < filled; i++) {
      sorted[i] = nanos.get(i);
    }
    Arrays.sort(sorted);
    double[] result = new double[quantiles.length];
    for (int i = 0; i < quantiles.length; i++) {
      int index = (int) Math.min(filled - 1L, (long) (quantiles[i] * filled));
      result[i] = filled == 0 ? Double.NaN : sorted[index] / 1e9;
    }
    return result;
  }
}
