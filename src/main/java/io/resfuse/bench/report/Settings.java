package io.resfuse.bench.report;

/**
 * How a benchmark is run.
 *
 * @param rounds in each of which every competitor runs once
 * @param seconds that a competitor runs per round
 * @param against the competitor by which the others are divided; empty for the first of each task
 * @param layers whether single operations are timed, too
 * @param seed of all numbers
 */
public record Settings(int rounds, double seconds, String against, boolean layers, long seed) {
  /**
   * Checks the ranges.
   *
   * @param rounds as in the record
   * @param seconds as in the record
   * @param against as in the record
   * @param layers as in the record
   * @param seed as in the record
   */
  public Settings {
    if (rounds < 1 || !(seconds > 0) || Double.isInfinite(seconds)) {
      throw new IllegalArgumentException(
          "a benchmark needs at least one round and more than 0 seconds, but an end, got "
              + rounds
              + " and "
              + seconds);
    }
  }

  /**
   * The time that a competitor runs per round.
   *
   * @return nanoseconds
   */
  public long nanos() {
    return (long) (seconds * 1e9);
  }
}
