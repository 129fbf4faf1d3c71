package io.resfuse.cli;

import java.util.Map;

/**
 * What a GPU needs for a launch at least, each of its units at its published peak: no measurement.
 *
 * @param gpu its name
 * @param memoryBytes from and to memory, by {@link SecondLevelCache}
 * @param cacheBytes between blocks and the second-level cache
 * @param units the microseconds of each unit, {@code memory} and {@code cache} among them
 */
record LaunchEstimate(
    String gpu, double memoryBytes, double cacheBytes, Map<String, Double> units) {
  LaunchEstimate {
    units = Map.copyOf(units);
  }

  /** Those of the slowest unit. */
  double microseconds() {
    return units.values().stream().mapToDouble(Double::doubleValue).max().orElse(0);
  }

  /** The slowest unit. */
  String limit() {
    return units.entrySet().stream()
        .max(Map.Entry.<String, Double>comparingByValue().thenComparing(Map.Entry.comparingByKey()))
        .map(Map.Entry::getKey)
        .orElse("");
  }
}
