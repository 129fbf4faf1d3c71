package io.resfuse.train.report;

import io.resfuse.report.Html;
import io.resfuse.report.Table;
import io.resfuse.train.ConfusionMatrix;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/** A confusion matrix as a table; the most frequent confusions where it would be too large. */
final class ConfusionTable {
  private static final int MOST_CLASSES = 20;
  private static final int MOST_PAIRS = 25;

  private ConfusionTable() {}

  static String html(ConfusionMatrix matrix, List<String> classes, String unit) {
    return matrix.classes() <= MOST_CLASSES ? whole(matrix, classes) : pairs(matrix, classes, unit);
  }

  private static String whole(ConfusionMatrix matrix, List<String> classes) {
    StringBuilder text =
        new StringBuilder("<div class=\"wide\"><table>\n<tr><th>is \\ seen as</th>");
    classes.forEach(name -> text.append("<th>").append(Html.escaped(name)).append("</th>"));
    text.append("<th>right</th></tr>\n");
    for (int i = 0; i < matrix.classes(); i++) {
      long all = Math.max(matrix.of(i), 1);
      text.append("<tr><th>").append(Html.escaped(classes.get(i))).append("</th>");
      for (int j = 0; j < matrix.classes(); j++) {
        long count = matrix.count(i, j);
        double share = (double) count / all;
        text.append(
            String.format(
                Locale.ROOT,
                "<td style=\"background: rgba(var(--%s), %.2f)\">%s</td>",
                i == j ? "hit" : "miss",
                i == j ? 0.45 * share : Math.min(1, 3 * share) * 0.5,
                count == 0 ? "" : Long.toString(count)));
      }
      text.append(
          String.format(Locale.ROOT, "<td>%.1f%%</td></tr>\n", 100.0 * matrix.count(i, i) / all));
    }
    return text.append("</table></div>\n").toString();
  }

  /** A class that was taken for another. */
  private record Pair(int label, int predicted, long count) {}

  private static String pairs(ConfusionMatrix matrix, List<String> classes, String unit) {
    List<Pair> pairs = new ArrayList<>();
    for (int i = 0; i < matrix.classes(); i++) {
      for (int j = 0; j < matrix.classes(); j++) {
        if (i != j && matrix.count(i, j) > 0) {
          pairs.add(new Pair(i, j, matrix.count(i, j)));
        }
      }
    }
    pairs.sort(Comparator.comparingLong(Pair::count).reversed());
    List<List<String>> rows = new ArrayList<>();
    for (Pair pair : pairs.subList(0, Math.min(MOST_PAIRS, pairs.size()))) {
      rows.add(
          List.of(
              classes.get(pair.label()),
              classes.get(pair.predicted()),
              Long.toString(pair.count())));
    }
    return Table.html(List.of("is", "seen as", unit), rows);
  }
}
