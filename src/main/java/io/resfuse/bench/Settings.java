package io.resfuse.bench;

import java.util.Set;

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
    if (rounds < 1 || !(seconds > 0)) {
      throw new IllegalArgumentException(
          "a benchmark needs at least one round and more than 0 seconds, got "
              + rounds
              + " and "
              + seconds);
    }
  }

  /** The name among those that take part by which the others are divided. */
  String reference(Set<String> names) {
    return names.contains(against) ? against : names.iterator().next();
  }
}
