package io.resfuse.bench.report;

import io.resfuse.report.Bars;
import io.resfuse.report.Html;
import io.resfuse.report.Plot;
import io.resfuse.report.Series;
import io.resfuse.report.Series.Point;
import io.resfuse.report.Series.Style;
import io.resfuse.report.Table;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/**
 * A report as a page: throughput and memory by batch, rooflines with every layer as a point,
 * ratios, and the tables. Pure functions of the report.
 */
public final class BenchPage {
  private final BenchReport report;
  private final List<Result> timed;

  private BenchPage(BenchReport report) {
    this.report = report;
    this.timed =
        report.results().stream().filter(result -> result.status() == Result.Status.TIMED).toList();
  }

  /**
   * The page.
   *
   * @param report what it shows
   * @return HTML that is also well-formed XML, without anything from elsewhere
   */
  public static String html(BenchReport report) {
    return new BenchPage(report).page();
  }

  private String page() {
    Set<String> networks =
        timed.stream()
            .map(result -> result.workload().network())
            .collect(Collectors.toCollection(LinkedHashSet::new));
    String title =
        "Benchmark of "
            + (networks.isEmpty() ? "nothing that could be timed" : String.join(", ", networks));
    StringBuilder body = new StringBuilder("<h1>" + Html.escaped(title) + "</h1>\n");
    body.append(Html.paragraph(report.begun() + ", " + report.machine()));
    report.competitors().forEach((name, what) -> body.append(Html.paragraph(name + ": " + what)));
    body.append(Html.tiles(tiles()));
    BenchTable.untimed(report).forEach(line -> body.append(Html.paragraph(line)));
    body.append(byBatch("Throughput by batch", "images per second", BenchPage::speed));
    body.append(ratios());
    body.append(byBatch("Memory by batch", "MiB that the plan needs", BenchPage::mebibytes));
    body.append(rooflines());
    body.append(Html.heading("Whole networks"));
    body.append(Table.html(BenchTable.HEADS, BenchTable.rows(report)));
    body.append(
        Html.paragraph(
            "img/s: median of the rounds; ±: the distance of their quartiles; ratio: to the images"
                + " per second of the engine named, within rounds; error: of the answer, as a share"
                + " of what is allowed."));
    body.append(layers());
    body.append(estimates());
    body.append(Html.heading("Conditions"));
    report.notes().forEach(note -> body.append(Html.paragraph(note)));
    return Html.page(title, body.toString());
  }

  private Map<String, String> tiles() {
    Map<String, String> tiles = new LinkedHashMap<>();
    long wrong =
        report.results().stream().filter(one -> one.status() == Result.Status.WRONG).count();
    tiles.put("timed, their answers right", Integer.toString(timed.size()));
    tiles.put("wrong answers", Long.toString(wrong));
    Settings settings = report.settings();
    tiles.put("rounds of " + settings.seconds() + " s each", Integer.toString(settings.rounds()));
    tiles.put("the harness adds at most", Text.of("%.4f%%", 100 * report.overheadShare()));
    return tiles;
  }

  private static double speed(Result result) {
    Summary speed = result.imagesPerSecond();
    return speed == null ? Double.NaN : speed.median();
  }

  private static double mebibytes(Result result) {
    return result.memory() == null ? Double.NaN : result.memory().total() / 0x1p20;
  }

  private static <T> Map<String, List<T>> grouped(List<T> all, Function<T, String> key) {
    return all.stream()
        .collect(Collectors.groupingBy(key, LinkedHashMap::new, Collectors.toList()));
  }

  /** A plot for each network, mode and size; a line for each engine and precision. */
  private String byBatch(String heading, String unit, ToDoubleFunction<Result> value) {
    List<String> plots = new ArrayList<>();
    grouped(timed, one -> title(one.workload()))
        .forEach(
            (title, results) -> {
              List<Series> lines = new ArrayList<>();
              grouped(results, one -> one.label() + " " + one.workload().precision())
                  .forEach(
                      (name, line) ->
                          lines.add(
                              new Series(
                                  name,
                                  line.stream()
                                      .map(
                                          one ->
                                              new Point(
                                                  one.workload().batch(),
                                                  value.applyAsDouble(one),
                                                  Text.of(
                                                      "%s, batch %d: %s %s",
                                                      name,
                                                      one.workload().batch(),
                                                      Text.number(value.applyAsDouble(one)),
                                                      unit)))
                                      .sorted((a, b) -> Double.compare(a.x(), b.x()))
                                      .toList(),
                                  Style.MARKED)));
              plots.add(
                  new Plot(title + ": " + unit, "images per batch", true, true, lines, null)
                      .html());
            });
    return section(heading, plots);
  }

  private static String title(Workload workload) {
    return workload.network() + " " + workload.modeName() + ", " + workload.size() + " pixels";
  }

  private static String section(String heading, List<String> figures) {
    List<String> shown = figures.stream().filter(figure -> !figure.isEmpty()).toList();
    return shown.isEmpty() ? "" : Html.heading(heading) + Html.plots(shown.toArray(String[]::new));
  }

  /** Of whole networks to the engine that the others are held against. */
  private String ratios() {
    List<String> figures = new ArrayList<>();
    List<Result> others =
        timed.stream()
            .filter(one -> one.ratio() != null && !one.competitor().equals(one.against()))
            .toList();
    grouped(others, one -> title(one.workload()))
        .forEach(
            (title, results) -> {
              Bars bars = new Bars();
              for (Result result : results) {
                bars.add(
                    result.label()
                        + " "
                        + result.workload().precision()
                        + ", batch "
                        + result.workload().batch(),
                    Text.of("%.2f to %s", result.ratio().median(), result.against()),
                    result.ratio().median(),
                    colour(result.competitor()));
              }
              figures.add(bars.html(title));
            });
    return section("Ratio of images per second", figures);
  }

  private int colour(String competitor) {
    return List.copyOf(report.competitors().keySet()).indexOf(competitor);
  }

  /** For each precision and mode: the ceilings of every device, and each layer as a point. */
  private String rooflines() {
    List<String> plots = new ArrayList<>();
    grouped(report.layers(), one -> one.workload().modeName() + " in " + one.workload().precision())
        .forEach((title, layers) -> plots.add(roofline(title, layers)));
    String section = section("Rooflines", plots);
    return section.isEmpty()
        ? ""
        : section
            + Html.paragraph(
                "Each point is a kind of layer with cold caches (rest the mouse on it); the lines"
                    + " are the measured ceilings, of a copy on the slope and of a large product on"
                    + " the flat. Layers without products are in the tables only. A layer may lie"
                    + " above a slope where a cache keeps what it writes.");
  }

  private String roofline(String title, List<LayerResult> layers) {
    List<LayerResult> computing = layers.stream().filter(layer -> layer.cost().flop() > 0).toList();
    List<Series> series = new ArrayList<>();
    grouped(computing, LayerResult::competitor)
        .forEach(
            (name, own) ->
                series.add(
                    new Series(
                        name,
                        own.stream()
                            .map(
                                layer ->
                                    new Point(
                                        layer.cost().flop() / layer.cost().bytes(),
                                        layer.speed() / 1e12,
                                        layer.workload() + ", " + layer.layer()))
                            .toList(),
                        Style.MARKS)));
    Set<String> places = new LinkedHashSet<>();
    for (LayerResult layer : computing) {
      Ceiling ceiling =
          Ceiling.best(report.ceilings(), layer.competitor(), layer.workload().precision());
      if (ceiling != null && places.add(ceiling.place())) {
        series.add(roof(ceiling, computing));
      }
    }
    return new Plot(title + ": TFLOP/s", "FLOP per byte, at least moved", true, true, series, null)
        .html();
  }

  private static Series roof(Ceiling ceiling, List<LayerResult> layers) {
    double ridge = ceiling.flopPerSecond() / ceiling.bytesPerSecond();
    double left = ridge;
    double right = ridge;
    for (LayerResult layer : layers) {
      left = Math.min(left, layer.cost().flop() / layer.cost().bytes());
      right = Math.max(right, layer.cost().flop() / layer.cost().bytes());
    }
    double peak = ceiling.flopPerSecond() / 1e12;
    return new Series(
        "ceilings of " + ceiling.place(),
        List.of(
            new Point(left, left * ceiling.bytesPerSecond() / 1e12),
            new Point(ridge, peak),
            new Point(right, peak)));
  }

  /** For each workload what can be unfolded: the table, and ratios to another engine. */
  private String layers() {
    if (report.layers().isEmpty()) {
      return "";
    }
    StringBuilder text = new StringBuilder(Html.heading("Layers"));
    text.append(
        Html.paragraph(
            "Time of one layer with cold caches, in training forward and backward; roof: the least"
                + " time by the ceilings, as a share of it; ratio: seconds of the engine named by"
                + " its own."));
    grouped(report.layers(), one -> one.workload().toString())
        .forEach(
            (title, layers) -> {
              text.append("<details><summary>").append(Html.escaped(title));
              text.append("</summary>\n");
              Bars bars = new Bars();
              for (LayerResult layer : layers) {
                if (layer.ratio() != null && !layer.competitor().equals(layer.against())) {
                  bars.add(
                      layer.layer() + ", " + layer.competitor(),
                      Text.of("%.2f to %s", layer.ratio().median(), layer.against()),
                      layer.ratio().median(),
                      colour(layer.competitor()));
                }
              }
              text.append(bars.html("Ratio per layer"));
              text.append(Table.html(BenchTable.LAYER_HEADS, BenchTable.layerRows(layers)));
              text.append("</details>\n");
            });
    return text.toString();
  }

  private String estimates() {
    return report.estimates().isEmpty()
        ? ""
        : Html.heading("Estimates, no measurements")
            + Html.paragraph(BenchTable.ESTIMATES + ".")
            + Table.html(BenchTable.ESTIMATE_HEADS, BenchTable.estimateRows(report.estimates()));
  }
}
