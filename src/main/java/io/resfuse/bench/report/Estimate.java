package io.resfuse.bench.report;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What softcuda estimates of the CUDA kernels of a workload on a GPU that nobody has asked: no
 * measurement. Each launch takes at least as long as its slowest unit would at its published peak.
 *
 * @param workload what
 * @param gpu the GPU's name
 * @param launches of kernels in an iteration
 * @param seconds the sum of the launches' least times
 * @param bytes moved to and from memory, as far as the second-level cache does not serve them
 * @param cacheBytes moved between blocks and the second-level cache
 * @param tensorFlop on tensor cores
 * @param limits how many of the seconds are of launches that wait for a unit the longest: {@code
 *     memory}, {@code cache}, {@code tensor}, {@code issue}, ...
 */
public record Estimate(
    Workload workload,
    String gpu,
    int launches,
    double seconds,
    double bytes,
    double cacheBytes,
    double tensorFlop,
    Map<String, Double> limits) {
  /**
   * Keeps a copy of the map, by name; reports of older versions have none.
   *
   * @param workload as in the record
   * @param gpu as in the record
   * @param launches as in the record
   * @param seconds as in the record
   * @param bytes as in the record
   * @param cacheBytes as in the record
   * @param tensorFlop as in the record
   * @param limits as in the record
   */
  public Estimate {
    limits = limits == null ? Map.of() : Collections.unmodifiableMap(new TreeMap<>(limits));
  }

  /**
   * What decides the time, the largest share first.
   *
   * @return as in {@code memory 61%, tensor 30%}; what has less than half a percent is left out
   */
  public String shares() {
    return limits.entrySet().stream()
        .filter(one -> one.getValue() >= 0.005 * seconds)
        .sorted(Map.Entry.<String, Double>comparingByValue().reversed())
        .map(one -> Text.of("%s %.0f%%", one.getKey(), 100 * one.getValue() / seconds))
        .collect(Collectors.joining(", "));
  }

  /**
   * Images per second, if nothing took longer than its least time and nothing else took any.
   *
   * @return an upper bound
   */
  public double imagesPerSecond() {
    return workload.batch() / seconds;
  }
}
