package io.resfuse.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.resfuse.bench.report.Workload;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.cuda.KernelTimes;
import io.resfuse.engine.cuda.KernelTimes.Row;
import java.util.List;
import java.util.Locale;

/**
 * How long the launches of a workload take on a GPU.
 *
 * @param workload whose
 * @param launches the slowest first
 * @param shown how many of them are shown
 */
record LaunchTimes(Workload workload, List<Row> launches, int shown) {
  LaunchTimes {
    launches = List.copyOf(launches);
  }

  /** Times all launches, and shows the slowest to a profiler. */
  static LaunchTimes of(
      Workload workload, NetworkSpec network, EngineOptions options, int slowest) {
    if (slowest < 1) {
      throw new IllegalArgumentException("--slowest shows at least one launch, got " + slowest);
    }
    boolean training = workload.mode() == Engine.Mode.TRAINING;
    List<Row> launches =
        KernelTimes.measure(
            network, LaunchCounts.options(workload, network), training, options, slowest);
    return new LaunchTimes(workload, launches, slowest);
  }

  private double seconds() {
    return launches.stream().mapToDouble(Row::seconds).sum();
  }

  private List<Row> slowest() {
    return launches.subList(0, Math.min(shown, launches.size()));
  }

  /** A table. */
  String text() {
    double seconds = seconds();
    int width = slowest().stream().mapToInt(row -> row.label().length()).max().orElse(5);
    StringBuilder text = new StringBuilder();
    String head = "%-8s  %-" + width + "s  %-28s %16s %4s %9s %7s %9s %8s%n";
    text.append(
        String.format(
            head, "pass", "layer", "kernel", "grid", "thr", "us", "share", "tensors", "GB/s"));
    for (Row row : slowest()) {
      text.append(
          String.format(
              Locale.ROOT,
              "%-8s  %-" + width + "s  %-28s %16s %4d %9.2f %6.2f%% %9.2f %8.1f%n",
              row.pass(),
              row.label(),
              row.kernel(),
              row.grid(),
              row.threads(),
              1e6 * row.seconds(),
              100 * row.seconds() / seconds,
              row.tensorBytes() / 1e6,
              row.tensorBytes() / row.seconds() / 1e9));
    }
    text.append(
        String.format(
            Locale.ROOT,
            "%s: %d launches take %.1f us one by one; shown are the slowest %d%n",
            workload,
            launches.size(),
            1e6 * seconds,
            slowest().size()));
    return text.toString();
  }

  /** An array of the same. */
  String json() {
    ObjectMapper mapper = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
    ArrayNode array = mapper.createArrayNode();
    for (Row row : slowest()) {
      array
          .addObject()
          .put("pass", row.pass())
          .put("layer", row.label())
          .put("kernel", row.kernel())
          .put("grid", row.grid())
          .put("threads", row.threads())
          .put("tensorBytes", row.tensorBytes())
          .put("microseconds", 1e6 * row.seconds());
    }
    try {
      return mapper.writeValueAsString(array) + System.lineSeparator();
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }
}
