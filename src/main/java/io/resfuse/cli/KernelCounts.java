package io.resfuse.cli;

import com.fasterxml.jackson.databind.JsonNode;
import io.resfuse.engine.cuda.KernelReport.Row;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A launch with softcuda's counters, scaled from the blocks that ran to all of the grid.
 *
 * @param row the launch
 * @param json its counters
 * @param estimates for each GPU whose peaks softcuda knows
 */
record KernelCounts(Row row, JsonNode json, List<LaunchEstimate> estimates) {
  private static final int SECTOR = 32;

  KernelCounts {
    estimates = List.copyOf(estimates);
  }

  private double scale() {
    double run = json.path("blocksRun").asDouble(1);
    return run == 0 ? 1 : json.path("blocks").asDouble(run) / run;
  }

  boolean isExtrapolated() {
    return json.path("blocksRun").asLong() < json.path("blocks").asLong();
  }

  private double counter(String name) {
    return json.path(name).asDouble();
  }

  /** With estimates, for which the launches before it have run through the caches. */
  static KernelCounts of(Row row, JsonNode json, Map<String, SecondLevelCache> caches) {
    KernelCounts counts = new KernelCounts(row, json, List.of());
    List<LaunchEstimate> estimates = new ArrayList<>();
    for (JsonNode one : json.path("estimates")) {
      estimates.add(counts.estimate(one, caches));
    }
    return new KernelCounts(row, json, estimates);
  }

  private LaunchEstimate estimate(JsonNode one, Map<String, SecondLevelCache> caches) {
    String gpu = one.path("gpu").asText();
    SecondLevelCache cache =
        caches.computeIfAbsent(
            gpu, unknown -> new SecondLevelCache(one.path("cacheBytes").asDouble()));
    double blocks = Math.max(1, counter("blocks"));
    double wave =
        Math.min(
            blocks, one.path("multiprocessors").asDouble() * one.path("residentBlocks").asDouble());
    double memory = cache.run(row.tensors(), bytes(), bytes() / blocks * wave);
    Map<String, Double> units = new HashMap<>();
    for (Map.Entry<String, JsonNode> unit : one.path("microsecondsByUnit").properties()) {
      units.put(unit.getKey(), unit.getValue().asDouble());
    }
    units.put("memory", memory / (1e3 * one.path("memoryGBps").asDouble()));
    return new LaunchEstimate(gpu, memory, bytes(), units);
  }

  /** In sectors of 32 bytes, each once for every block that touches it. */
  double bytes() {
    return SECTOR * scale() * (counter("blockLoadSectors") + counter("blockStoreSectors"));
  }

  /** The bytes themselves, each once for every block that touches it. */
  double leastBytes() {
    return scale() * (counter("blockLoadBytes") + counter("blockStoreBytes"));
  }

  double tensorFlop() {
    return scale() * counter("tensorFlop");
  }

  /** Wavefronts of shared memory per wavefront without conflicts. */
  double conflicts() {
    double least = counter("sharedLoadWavefrontsLeast") + counter("sharedStoreWavefrontsLeast");
    double all = counter("sharedLoadWavefronts") + counter("sharedStoreWavefronts");
    return least == 0 ? 1 : all / least;
  }

  /** Of one multiprocessor of an A100: resident and possible. */
  String residentWarps() {
    JsonNode estimate = estimate("A100");
    return estimate.path("residentWarps").asInt() + "/" + estimate.path("maxWarps").asInt();
  }

  private JsonNode estimate(String gpu) {
    for (JsonNode estimate : json.path("estimates")) {
      if (estimate.path("gpu").asText().startsWith(gpu)) {
        return estimate;
      }
    }
    return json.path("none");
  }

  /** The estimate for a GPU whose name begins so. */
  double microseconds(String gpu) {
    return estimates.stream()
        .filter(one -> one.gpu().startsWith(gpu))
        .mapToDouble(LaunchEstimate::microseconds)
        .findFirst()
        .orElse(0);
  }
}
