package io.resfuse.benchmarks.neighbours;

import io.resfuse.bench.report.BenchReport;
import io.resfuse.bench.report.Result;
import io.resfuse.bench.report.Summary;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * What was found.
 *
 * @param parts one per number of busy processes
 */
record NeighboursReport(List<Part> parts) {
  /**
   * One number of busy processes.
   *
   * @param busy how many
   * @param report of everyone beside them
   */
  record Part(int busy, BenchReport report) {}

  boolean passed() {
    return parts.stream().allMatch(part -> part.report().passed());
  }

  /** A list of objects with the number and the report of {@code resfuse bench}. */
  String json() {
    return parts.stream()
        .map(part -> "{\"busy\": %d, \"report\": %s}".formatted(part.busy(), part.report().json()))
        .collect(Collectors.joining(",\n", "[", "]\n"));
  }

  /** For people. */
  String text() {
    StringBuilder text = new StringBuilder();
    BenchReport first = parts.get(0).report();
    text.append(first.machine()).append('\n');
    first.competitors().forEach((name, what) -> text.append(name + ": " + what + "\n"));
    text.append(first.results().get(0).workload()).append("\n\n");
    text.append("%5s  %-20s %9s %9s   %s%n".formatted("busy", "engine", "img/s", "±", "ratio ±"));
    for (Part part : parts) {
      part.report().results().forEach(result -> text.append(line(part.busy(), result)));
    }
    text.append(
        """
        busy: processes that use a CPU each; ±: the distance of the quartiles of the rounds; \
        ratio: to the engine named, within rounds
        """);
    first.notes().forEach(note -> text.append(note).append('\n'));
    return text.toString();
  }

  private static String line(int busy, Result result) {
    Summary speed = result.imagesPerSecond();
    if (speed == null) {
      return "%5d  %-20s not timed: %s%n".formatted(busy, result.competitor(), result.detail());
    }
    Summary ratio = result.ratio();
    return String.format(
        Locale.ROOT,
        "%5d  %-20s %9.2f %9.2f   %s%n",
        busy,
        result.competitor(),
        speed.median(),
        speed.spread(),
        ratio == null
            ? ""
            : String.format(
                Locale.ROOT,
                "%.3f ± %.3f to %s",
                ratio.median(),
                ratio.spread(),
                result.against()));
  }
}
