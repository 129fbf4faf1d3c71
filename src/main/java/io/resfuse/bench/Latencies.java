package io.resfuse.bench;

import io.resfuse.bench.report.Percentiles;
import io.resfuse.bench.report.Summary;
import java.util.Arrays;

/** How long the iterations of one entry took, in the order in which they ran. Not thread-safe. */
public final class Latencies {
  private long[] nanos = new long[1 << 12];
  private int count;

  /** None yet. */
  public Latencies() {}

  /**
   * Adds an iteration.
   *
   * @param duration in nanoseconds
   */
  public void add(long duration) {
    if (count == nanos.length) {
      nanos = Arrays.copyOf(nanos, 2 * count);
    }
    nanos[count++] = duration;
  }

  /**
   * All of them.
   *
   * @return nanoseconds in a new array
   */
  public long[] toArray() {
    return Arrays.copyOf(nanos, count);
  }

  /** How many there are. */
  int count() {
    return count;
  }

  /** The mean duration of those from one on, in seconds. */
  double meanFrom(int first) {
    return Arrays.stream(nanos, first, count).average().orElse(Double.NaN) / 1e9;
  }

  /** Percentiles of all. */
  Percentiles percentiles() {
    double[] seconds = new double[count];
    Arrays.setAll(seconds, i -> nanos[i] / 1e9);
    return new Percentiles(
        Summary.quantile(seconds, 0.5),
        Summary.quantile(seconds, 0.9),
        Summary.quantile(seconds, 0.99),
        count);
  }
}
