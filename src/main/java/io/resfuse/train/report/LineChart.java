package io.resfuse.train.report;

import io.resfuse.report.Html;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A plot of lines as SVG of a width of its surroundings, with colours from the page's style. Pure
 * functions of their arguments.
 *
 * @param title above the plot
 * @param xLabel below the horizontal axis
 * @param log whether the vertical axis is logarithmic
 * @param series at least one
 * @param vertical the vertical axis, null for one that fits
 */
record LineChart(
    String title, String xLabel, boolean log, List<Series> series, @Nullable Axis vertical) {
  private static final int WIDTH = 420;
  private static final int HEIGHT = 230;
  private static final int LEFT = 46;
  private static final int RIGHT = 10;
  private static final int TOP = 8;
  private static final int BOTTOM = 34;

  LineChart(String title, String xLabel, boolean log, List<Series> series) {
    this(title, xLabel, log, series, null);
  }

  LineChart {
    series = List.copyOf(series);
  }

  /** A figure with the plot and its legend; empty if there is nothing to show. */
  String html() {
    double[] xs = values(true);
    if (xs.length == 0) {
      return "";
    }
    Axis x = Axis.over(xs, false);
    Axis y = vertical == null ? Axis.over(values(false), log) : vertical;
    StringBuilder svg = new StringBuilder();
    svg.append("<figure><figcaption>").append(Html.escaped(title)).append("</figcaption>\n");
    svg.append(
        format(
            "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n",
            WIDTH, HEIGHT, Html.escaped(title)));
    axes(svg, x, y);
    for (int i = 0; i < series.size(); i++) {
      line(svg, series.get(i), i, x, y);
    }
    svg.append("</svg>\n");
    legend(svg);
    return svg.append("</figure>\n").toString();
  }

  private double[] values(boolean horizontal) {
    return series.stream()
        .flatMap(one -> one.points().stream())
        .mapToDouble(point -> horizontal ? point.x() : point.y())
        .toArray();
  }

  private static String format(String format, Object... arguments) {
    return String.format(Locale.ROOT, format, arguments);
  }

  private static double toX(Axis axis, double value) {
    return LEFT + axis.place(value) * (WIDTH - LEFT - RIGHT);
  }

  private static double toY(Axis axis, double value) {
    return HEIGHT - BOTTOM - axis.place(value) * (HEIGHT - TOP - BOTTOM);
  }

  private void axes(StringBuilder svg, Axis x, Axis y) {
    for (double tick : y.ticks()) {
      double at = toY(y, tick);
      svg.append(
          format(
              "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>",
              LEFT, WIDTH - RIGHT, at, at));
      svg.append(
          format(
              "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
              LEFT - 5, at + 4, y.label(tick)));
    }
    for (double tick : x.ticks()) {
      svg.append(
          format(
              "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
              toX(x, tick), HEIGHT - BOTTOM + 14, x.label(tick)));
    }
    svg.append(
        format(
            "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>",
            LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM, HEIGHT - BOTTOM));
    svg.append(
        format(
            "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
            (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, Html.escaped(xLabel)));
  }

  private static void line(StringBuilder svg, Series series, int number, Axis x, Axis y) {
    StringBuilder points = new StringBuilder();
    for (Series.Point point : series.points()) {
      double at = toY(y, point.y());
      if (Double.isFinite(at)) {
        points.append(format("%.1f,%.1f ", toX(x, point.x()), at));
      }
    }
    String style = "s" + number % Html.COLOURS + (series.faint() ? " faint" : "");
    svg.append("<polyline class=\"").append(style).append("\" points=\"");
    svg.append(points.toString().stripTrailing()).append("\"/>\n");
  }

  private void legend(StringBuilder html) {
    if (series.size() < 2) {
      return;
    }
    html.append("<p class=\"legend\">");
    for (int i = 0; i < series.size(); i++) {
      String style = "b" + i % Html.COLOURS + (series.get(i).faint() ? " faint" : "");
      html.append("<span><i class=\"").append(style).append("\"></i>");
      html.append(Html.escaped(series.get(i).name())).append("</span> ");
    }
    html.append("</p>\n");
  }
}
