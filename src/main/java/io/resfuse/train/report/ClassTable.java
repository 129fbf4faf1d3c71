package io.resfuse.train.report;

import io.resfuse.report.Table;
import io.resfuse.train.Evaluation;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** How each class does, as a table. */
final class ClassTable {
  private ClassTable() {}

  static String html(Evaluation test, List<String> classes) {
    List<List<String>> rows = new ArrayList<>();
    for (int i = 0; i < classes.size(); i++) {
      double score = test.classScores().get(i);
      rows.add(
          List.of(
              classes.get(i),
              Double.isNaN(score) ? "-" : String.format(Locale.ROOT, "%.2f%%", 100 * score),
              String.format(Locale.ROOT, "%,d", test.confusion().of(i))));
    }
    return Table.html(List.of("class", test.classMeasure().title(), "labelled pixels"), rows);
  }
}
