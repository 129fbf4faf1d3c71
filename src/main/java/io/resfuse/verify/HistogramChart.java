package io.resfuse.verify;

import io.resfuse.report.Html;
import java.util.List;
import java.util.Locale;

/**
 * Bars of a histogram as SVG, their heights logarithms of counts, so that a single wrong element
 * shows beside a million right ones.
 *
 * @param title above it
 * @param histogram what is drawn
 */
record HistogramChart(String title, ErrorHistogram histogram) {
  private static final int BAR = 26;
  private static final int HEIGHT = 110;

  /** A figure; empty if nothing was counted. */
  String html() {
    List<Long> counts = histogram.counts();
    long most = counts.stream().mapToLong(Long::longValue).max().orElse(0);
    if (most == 0) {
      return "";
    }
    StringBuilder svg = new StringBuilder("<figure><figcaption>");
    svg.append(Html.escaped(title)).append("</figcaption>\n");
    svg.append(
        "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n"
            .formatted(BAR * counts.size(), HEIGHT + 34, Html.escaped(title)));
    List<String> labels = ErrorHistogram.labels();
    for (int i = 0; i < counts.size(); i++) {
      long count = counts.get(i);
      double height =
          count == 0
              ? 0
              : 4 + (HEIGHT - 4) * Math.log1p((double) count) / Math.log1p((double) most);
      svg.append(
          String.format(
              Locale.ROOT,
              "<rect x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" fill=\"var(--c0)\"><title>%s:"
                  + " %d</title></rect><text x=\"%d\" y=\"%.1f\" text-anchor=\"middle\">%s</text>",
              i * BAR + 2,
              HEIGHT + 14 - height,
              BAR - 4,
              height,
              labels.get(i),
              count,
              i * BAR + BAR / 2,
              HEIGHT + 11 - height,
              count == 0 ? "" : brief(count)));
      svg.append(
          "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n"
              .formatted(i * BAR + BAR / 2, HEIGHT + 28, labels.get(i)));
    }
    return svg.append("</svg>\n</figure>\n").toString();
  }

  private static String brief(long count) {
    return count < 1000
        ? Long.toString(count)
        : count < 1_000_000 ? count / 1000 + "k" : count / 1_000_000 + "M";
  }
}
