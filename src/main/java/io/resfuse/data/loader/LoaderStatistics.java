package io.resfuse.data.loader;

/**
 * How an epoch of a loader went.
 *
 * @param batches that the consumer took
 * @param pictures in them
 * @param unreadable pictures that were skipped, each counted as often as it was asked for
 * @param waitedNanos that the consumer waited for batches
 * @param elapsedNanos from the consumer's first call until now, or until it closed the epoch
 */
public record LoaderStatistics(
    int batches, long pictures, long unreadable, long waitedNanos, long elapsedNanos) {

  /**
   * The share of its time that the consumer waited for data.
   *
   * @return 0 to 1; 0 if nothing was asked for yet
   */
  public double waitedShare() {
    return elapsedNanos == 0 ? 0 : (double) waitedNanos / elapsedNanos;
  }

  @Override
  public String toString() {
    return "%d batches, %d pictures, %d unreadable, %.1f%% of %.1f s waiting for data"
        .formatted(batches, pictures, unreadable, 100 * waitedShare(), elapsedNanos / 1e9);
  }
}
