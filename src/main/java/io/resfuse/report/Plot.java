package io.resfuse.report;

import io.resfuse.report.Series.Style;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A plot of lines and marks as SVG of the width of its surroundings, with colours from the page's
 * style. Pure functions of their arguments.
 *
 * @param title above the plot
 * @param xLabel below the horizontal axis
 * @param logX whether the horizontal axis is logarithmic
 * @param log whether the vertical axis is logarithmic
 * @param series in the order of the colours
 * @param vertical the vertical axis, null for one that fits
 */
public record Plot(
    String title,
    String xLabel,
    boolean logX,
    boolean log,
    List<Series> series,
    @Nullable Axis vertical) {
  private static final int WIDTH = 420;
  private static final int HEIGHT = 230;
  private static final int LEFT = 46;
  private static final int RIGHT = 10;
  private static final int TOP = 8;
  private static final int BOTTOM = 34;

  /**
   * A plot over an axis that is not logarithmic, as high as its numbers.
   *
   * @param title above the plot
   * @param xLabel below the horizontal axis
   * @param log whether the vertical axis is logarithmic
   * @param series in the order of the colours
   */
  public Plot(String title, String xLabel, boolean log, List<Series> series) {
    this(title, xLabel, false, log, series, null);
  }

  /**
   * Copies the list.
   *
   * @param title as in the record
   * @param xLabel as in the record
   * @param logX as in the record
   * @param log as in the record
   * @param series as in the record
   * @param vertical as in the record
   */
  public Plot {
    series = List.copyOf(series);
  }

  /**
   * A figure with the plot and its legend.
   *
   * @return XML; empty if there is nothing to show
   */
  public String html() {
    double[] xs = values(true);
    if (xs.length == 0) {
      return "";
    }
    Axis x = Axis.over(xs, logX);
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
    StringBuilder marks = new StringBuilder();
    for (Series.Point point : series.points()) {
      double across = toX(x, point.x());
      double up = toY(y, point.y());
      if (Double.isFinite(across) && Double.isFinite(up)) {
        points.append(format("%.1f,%.1f ", across, up));
        marks.append(
            format(
                "<circle class=\"m%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\">%s</circle>\n",
                number % Html.COLOURS, across, up, tooltip(point.label())));
      }
    }
    Style style = series.style();
    if (style != Style.MARKS) {
      svg.append("<polyline class=\"s").append(number % Html.COLOURS);
      svg.append(style == Style.FAINT ? " faint" : "").append("\" points=\"");
      svg.append(points.toString().stripTrailing()).append("\"/>\n");
    }
    if (style == Style.MARKS || style == Style.MARKED) {
      svg.append(marks);
    }
  }

  private static String tooltip(String label) {
    return label.isEmpty() ? "" : "<title>" + Html.escaped(label) + "</title>";
  }

  private void legend(StringBuilder html) {
    if (series.size() < 2) {
      return;
    }
    html.append("<p class=\"legend\">");
    for (int i = 0; i < series.size(); i++) {
      String style =
          "b" + i % Html.COLOURS + (series.get(i).style() == Style.FAINT ? " faint" : "");
      html.append("<span><i class=\"").append(style).append("\"></i>");
      html.append(Html.escaped(series.get(i).name())).append("</span> ");
    }
    html.append("</p>\n");
  }
}
