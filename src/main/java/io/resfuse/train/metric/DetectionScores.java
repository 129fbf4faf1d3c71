package io.resfuse.train.metric;

import java.util.List;

/**
 * How well objects are found, by COCO's definition. Each number is a share of 1, and NaN where
 * there are no objects that it is about.
 *
 * @param map mean average precision: over classes, and over the thresholds of intersection over
 *     union 0.50, 0.55, ..., 0.95
 * @param map50 at 0.50 alone
 * @param map75 at 0.75 alone
 * @param small of objects of less than 32 x 32 pixels
 * @param medium of objects up to 96 x 96 pixels
 * @param large of larger ones
 * @param recall the mean share of objects that are found, over classes and thresholds
 * @param classes in their order
 */
public record DetectionScores(
    double map,
    double map50,
    double map75,
    double small,
    double medium,
    double large,
    double recall,
    List<OfClass> classes) {
  /**
   * Copies the list.
   *
   * @param map as in the record
   * @param map50 as in the record
   * @param map75 as in the record
   * @param small as in the record
   * @param medium as in the record
   * @param large as in the record
   * @param recall as in the record
   * @param classes as in the record
   */
  public DetectionScores {
    classes = List.copyOf(classes);
  }

  /**
   * How well one class does.
   *
   * @param name of the class
   * @param objects of the class that are to be found
   * @param ap average precision over the ten thresholds; NaN without objects
   * @param ap50 at 0.50 alone
   */
  public record OfClass(String name, int objects, double ap, double ap50) {}

  /**
   * A line per class and those of all, for people.
   *
   * @return lines; where there are no objects there is a dash
   */
  public String table() {
    StringBuilder text = new StringBuilder();
    for (OfClass one : classes) {
      text.append(Scores.line(one.name(), one.ap(), "  " + one.objects() + " objects"));
    }
    return text.append(Scores.line("mAP 0.50:0.95", map, ""))
        .append(Scores.line("mAP 0.50", map50, ""))
        .append(Scores.line("mAP 0.75", map75, ""))
        .append(Scores.line("mAP small", small, ""))
        .append(Scores.line("mAP medium", medium, ""))
        .append(Scores.line("mAP large", large, ""))
        .append(Scores.line("recall 0.50:0.95", recall, ""))
        .toString();
  }
}
