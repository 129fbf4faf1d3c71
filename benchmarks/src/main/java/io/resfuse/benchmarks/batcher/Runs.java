package io.resfuse.benchmarks.batcher;

import io.resfuse.batch.BatchListener;
import io.resfuse.benchmarks.batcher.Clients.Answer;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** When batches ran, and for how long. Thread-safe. */
final class Runs implements BatchListener {
  /** Nanoseconds of runs by when they ended. */
  private final TreeMap<Long, Long> runs = new TreeMap<>();

  @Override
  public synchronized void ran(int requests, int images, long preparationNanos, long runNanos) {
    runs.put(System.nanoTime(), runNanos);
  }

  synchronized void forget() {
    runs.clear();
  }

  synchronized int count() {
    return runs.size();
  }

  /** Seconds of a run. */
  synchronized double quantile(double quantile) {
    return Clients.quantile(
        runs.values().stream().mapToDouble(nanos -> nanos / 1e9).sorted().toArray(), quantile);
  }

  /** Seconds of all runs. */
  synchronized double sum() {
    return runs.values().stream().mapToLong(Long::longValue).sum() / 1e9;
  }

  /**
   * What answers took beyond the two batches that no one can do without where a device is busy:
   * that which ran when the image came, and its own.
   *
   * @param answers none of the first two batches counts
   * @return seconds; negative if not all of the first of the two was waited for
   */
  synchronized double beyondTwo(List<Answer> answers, double quantile) {
    return Clients.quantile(
        answers.stream().mapToDouble(this::beyondTwo).filter(Double::isFinite).sorted().toArray(),
        quantile);
  }

  private double beyondTwo(Answer answer) {
    Map.Entry<Long, Long> own = runs.floorEntry(answer.at());
    Map.Entry<Long, Long> before = own == null ? null : runs.lowerEntry(own.getKey());
    return own == null || before == null
        ? Double.NaN
        : (answer.nanos() - own.getValue() - before.getValue()) / 1e9;
  }
}
