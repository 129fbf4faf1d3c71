package io.resfuse.bench.report;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A report for a terminal, or as comma-separated values. Stateless. */
public final class BenchTable {
  private static final List<String> COLUMNS =
      List.of(
          ("network,mode,batch,size,precision,engine,status,images_per_second,lower_quartile,"
                  + "upper_quartile,share,product_flop_per_second,p50_s,p90_s,p99_s,iterations,memory_bytes,against,ratio,error,"
                  + "detail,layer,count,seconds,seconds_lower,seconds_upper,flop,bytes,roof_share")
              .split(",", -1));

  static final List<String> HEADS =
      List.of(
          "network",
          "mode",
          "batch",
          "size",
          "precision",
          "engine",
          "img/s",
          "±",
          "share",
          "±",
          "p50 ms",
          "p90 ms",
          "p99 ms",
          "MiB",
          "ratio",
          "±",
          "error");

  static final List<String> LAYER_HEADS =
      List.of(
          "layer",
          "times",
          "workload",
          "engine",
          "us",
          "±",
          "GB/s",
          "TFLOP/s",
          "roof",
          "ratio",
          "implementations");

  static final List<String> ESTIMATE_HEADS =
      List.of(
          "workload",
          "GPU",
          "launches",
          "GB memory",
          "GB cache",
          "TFLOP (tensor)",
          "ms at least",
          "img/s at most",
          "of it by the slowest unit");

  /** What estimates are. */
  static final String ESTIMATES =
      "Estimates of softcuda for the kernels of engine cuda, no measurements: every launch as fast"
          + " as its slowest unit at its published peak, nothing in between";

  private BenchTable() {}

  /**
   * The tables and notes.
   *
   * @param report what is said
   * @return lines
   */
  public static String text(BenchReport report) {
    StringBuilder text = new StringBuilder();
    text.append(report.machine()).append('\n');
    report.competitors().forEach((name, what) -> text.append(name + ": " + what + "\n"));
    for (Ceiling ceiling : report.ceilings()) {
      text.append(
          Text.of(
              "%s in %s: a copy moves %s GB/s, a product computes %s TFLOP/s\n",
              ceiling.competitor(),
              ceiling.precision(),
              Text.number(ceiling.bytesPerSecond() / 1e9),
              Text.number(ceiling.flopPerSecond() / 1e12)));
    }
    text.append('\n').append(aligned(HEADS, rows(report)));
    text.append(
        "±: the distance of the quartiles of the rounds; share: its FLOPs per second as a share of a"
            + " large product's, within rounds; ratio: to the images per second of the engine named,"
            + " within rounds; error: share of what is allowed\n");
    untimed(report).forEach(line -> text.append(line).append('\n'));
    if (!report.layers().isEmpty()) {
      text.append('\n').append(aligned(LAYER_HEADS, layerRows(report.layers())));
      text.append(
          "time: of one layer with cold caches, in training forward and backward; roof: the least"
              + " time by the ceilings, of the copy or of the product, as a share of it\n");
    }
    if (!report.estimates().isEmpty()) {
      text.append("\n" + ESTIMATES + "\n");
      text.append(aligned(ESTIMATE_HEADS, estimateRows(report.estimates())));
    }
    report.notes().forEach(note -> text.append(note).append('\n'));
    return text.toString();
  }

  /**
   * The rows of whole networks and of layers, with a head.
   *
   * @param report what is said
   * @return comma-separated values (RFC 4180, lines end in a line feed)
   */
  public static String csv(BenchReport report) {
    StringBuilder text = new StringBuilder(String.join(",", COLUMNS)).append('\n');
    report.results().forEach(result -> text.append(line(columns(result))));
    report.layers().forEach(layer -> text.append(line(columns(layer))));
    return text.toString();
  }

  private static Map<String, Object> columns(Workload workload, String competitor) {
    Map<String, Object> columns = new HashMap<>();
    columns.put("network", workload.network());
    columns.put("mode", workload.modeName());
    columns.put("batch", workload.batch());
    columns.put("size", workload.size());
    columns.put("precision", workload.precision());
    columns.put("engine", competitor);
    return columns;
  }

  private static Map<String, Object> columns(Result result) {
    Map<String, Object> columns = columns(result.workload(), result.competitor());
    columns.put("status", result.status().name().toLowerCase(Locale.ROOT));
    columns.put("error", result.error());
    columns.put("detail", result.detail());
    if (result.memory() != null) {
      columns.put("memory_bytes", result.memory().total());
    }
    Summary speed = result.imagesPerSecond();
    if (speed != null) {
      columns.put("images_per_second", speed.median());
      columns.put("lower_quartile", speed.lower());
      columns.put("upper_quartile", speed.upper());
    }
    Pace pace = result.pace();
    if (pace != null) {
      columns.put("share", pace.share().median());
      columns.put("product_flop_per_second", pace.flopPerSecond().median());
    }
    Percentiles latency = result.latency();
    if (latency != null) {
      columns.put("p50_s", latency.p50());
      columns.put("p90_s", latency.p90());
      columns.put("p99_s", latency.p99());
      columns.put("iterations", latency.iterations());
    }
    putRatio(columns, result.ratio(), result.against());
    return columns;
  }

  private static Map<String, Object> columns(LayerResult layer) {
    Map<String, Object> columns = columns(layer.workload(), layer.competitor());
    columns.put("status", "timed");
    columns.put("layer", layer.layer());
    columns.put("count", layer.count());
    columns.put("implementations", String.join(" ", layer.implementations()));
    columns.put("seconds", layer.seconds().median());
    columns.put("seconds_lower", layer.seconds().lower());
    columns.put("seconds_upper", layer.seconds().upper());
    columns.put("flop", layer.cost().flop());
    columns.put("bytes", layer.cost().bytes());
    columns.put("roof_share", layer.roofShare());
    putRatio(columns, layer.ratio(), layer.against());
    return columns;
  }

  private static void putRatio(
      Map<String, Object> columns, @Nullable Summary ratio, @Nullable String against) {
    if (ratio != null && against != null) {
      columns.put("against", against);
      columns.put("ratio", ratio.median());
    }
  }

  /** A line of all columns; those that are absent are empty. */
  private static String line(Map<String, Object> values) {
    return COLUMNS.stream()
            .map(column -> values.getOrDefault(column, "").toString())
            .map(
                text -> text.matches("[^\",\n\r]*") ? text : '"' + text.replace("\"", "\"\"") + '"')
            .collect(Collectors.joining(","))
        + "\n";
  }

  /** What was timed. */
  static List<List<String>> rows(BenchReport report) {
    return report.results().stream()
        .filter(result -> result.status() == Result.Status.TIMED)
        .map(BenchTable::row)
        .toList();
  }

  /** Who did not do what, and why. */
  static List<String> untimed(BenchReport report) {
    return report.results().stream()
        .filter(result -> result.status() != Result.Status.TIMED)
        .map(
            result ->
                Text.of(
                    "%s, %s: not timed, %s: %s",
                    result.competitor(),
                    result.workload(),
                    result.status() == Result.Status.WRONG ? "its answer is wrong" : "it cannot",
                    result.detail()))
        .toList();
  }

  private static List<String> row(Result result) {
    Pace pace = result.pace();
    Workload workload = result.workload();
    Summary speed = result.imagesPerSecond();
    Percentiles latency = result.latency();
    Summary ratio = result.ratio();
    return List.of(
        workload.network(),
        workload.modeName(),
        Integer.toString(workload.batch()),
        Integer.toString(workload.size()),
        workload.precision().toString(),
        result.label(),
        speed == null ? "" : Text.number(speed.median()),
        speed == null ? "" : Text.number(speed.spread()),
        pace == null ? "" : Text.of("%.3f", pace.share().median()),
        pace == null ? "" : Text.of("%.3f", pace.share().spread()),
        latency == null ? "" : Text.number(1e3 * latency.p50()),
        latency == null ? "" : Text.number(1e3 * latency.p90()),
        latency == null ? "" : Text.number(1e3 * latency.p99()),
        result.memory() == null ? "" : Text.of("%.1f", result.memory().total() / 0x1p20),
        ratio == null ? "" : Text.of("%.3f to %s", ratio.median(), result.against()),
        ratio == null ? "" : Text.of("%.3f", ratio.spread()),
        Double.isNaN(result.error()) ? "" : Text.of("%.2f", result.error()));
  }

  static List<List<String>> layerRows(List<LayerResult> layers) {
    List<List<String>> rows = new ArrayList<>();
    for (LayerResult layer : layers) {
      Summary ratio = layer.ratio();
      rows.add(
          List.of(
              layer.layer(),
              Integer.toString(layer.count()),
              layer.workload().toString(),
              layer.competitor(),
              Text.number(1e6 * layer.seconds().median()),
              Text.number(1e6 * layer.seconds().spread()),
              Text.number(layer.bandwidth() / 1e9),
              Text.number(layer.speed() / 1e12),
              Double.isNaN(layer.roofShare()) ? "" : Text.of("%.2f", layer.roofShare()),
              ratio == null ? "" : Text.of("%.3f to %s", ratio.median(), layer.against()),
              String.join(" ", layer.implementations())));
    }
    return rows;
  }

  /**
   * Estimates alone.
   *
   * @param estimates what is said
   * @return lines
   */
  public static String text(List<Estimate> estimates) {
    return ESTIMATES + ":\n" + aligned(ESTIMATE_HEADS, estimateRows(estimates));
  }

  static List<List<String>> estimateRows(List<Estimate> estimates) {
    return estimates.stream()
        .map(
            one ->
                List.of(
                    one.workload().toString(),
                    one.gpu(),
                    Integer.toString(one.launches()),
                    Text.number(one.bytes() / 1e9),
                    Text.number(one.cacheBytes() / 1e9),
                    Text.number(one.tensorFlop() / 1e12),
                    Text.number(1e3 * one.seconds()),
                    Text.number(one.imagesPerSecond()),
                    one.shares()))
        .toList();
  }

  /** Columns of text, all but the first aligned to the right. */
  static String aligned(List<String> heads, List<List<String>> body) {
    List<List<String>> rows = new ArrayList<>(List.of(heads));
    rows.addAll(body);
    int[] widths = new int[rows.get(0).size()];
    for (List<String> row : rows) {
      Arrays.setAll(widths, i -> Math.max(widths[i], row.get(i).length()));
    }
    StringBuilder text = new StringBuilder();
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < widths.length; i++) {
        String padding = " ".repeat(widths[i] - row.get(i).length());
        line.append(i == 0 ? row.get(i) + padding : "  " + padding + row.get(i));
      }
      text.append(line.toString().stripTrailing()).append('\n');
    }
    return text.toString();
  }
}
