package io.resfuse.bench;

import io.resfuse.bench.report.Summary;

/** What the harness adds to an iteration. Stateless. */
final class Overhead {
  private static final int REPETITIONS = 5;
  private static final long NANOS = 20_000_000;

  private Overhead() {}

  /** Measures the loop of {@link Entry#loop} with an empty body; in seconds. */
  static double seconds() {
    double[] means = new double[REPETITIONS];
    for (int i = 0; i < REPETITIONS; i++) {
      Latencies latencies = new Latencies();
      Entry.loop(() -> {}, NANOS, latencies);
      means[i] = latencies.meanFrom(0);
    }
    return Summary.of(means).median();
  }
}
