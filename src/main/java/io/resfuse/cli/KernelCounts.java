package io.resfuse.cli;

import com.fasterxml.jackson.databind.JsonNode;
import io.resfuse.engine.cuda.KernelReport.Row;

/**
 * A launch with softcuda's counters, scaled from the blocks that ran to all of the grid.
 *
 * @param row the launch
 * @param json its counters
 */
record KernelCounts(Row row, JsonNode json) {
  private static final int SECTOR = 32;

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

  /** The estimate for a GPU whose name begins so. */
  double microseconds(String gpu) {
    return estimate(gpu).path("estimateMicroseconds").asDouble();
  }

  private JsonNode estimate(String gpu) {
    for (JsonNode estimate : json.path("estimates")) {
      if (estimate.path("gpu").asText().startsWith(gpu)) {
        return estimate;
      }
    }
    return json.path("none");
  }
}
