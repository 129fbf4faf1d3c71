package io.resfuse.train.metric;

import java.util.List;
import java.util.Locale;

/**
 * How well pixels are classified.
 *
 * @param meanIou the mean of the classes' intersection over union, 0 to 1; classes that are neither
 *     labelled nor predicted are left out; NaN if there is none
 * @param accuracy the share of pixels with the right class, 0 to 1; NaN if there are no pixels
 * @param pixels that count
 * @param classes in their order
 */
public record SegmentationScores(
    double meanIou, double accuracy, long pixels, List<OfClass> classes) {
  /**
   * Copies the list.
   *
   * @param meanIou as in the record
   * @param accuracy as in the record
   * @param pixels as in the record
   * @param classes as in the record
   */
  public SegmentationScores {
    classes = List.copyOf(classes);
  }

  /**
   * How well one class does.
   *
   * @param name of the class
   * @param labelled pixels of the class
   * @param predicted pixels that were given the class
   * @param iou pixels that are both, over those that are either, 0 to 1; NaN if none is
   */
  public record OfClass(String name, long labelled, long predicted, double iou) {}

  /**
   * A line per class and one of all, for people.
   *
   * @return lines; a class that is not there has a dash
   */
  public String table() {
    StringBuilder text = new StringBuilder();
    for (OfClass one : classes) {
      text.append(
          Scores.line(
              one.name(),
              one.iou(),
              String.format(
                  Locale.ROOT, "  %,d labelled, %,d given", one.labelled(), one.predicted())));
    }
    return text.append(Scores.line("mean IoU", meanIou, ""))
        .append(Scores.line("pixel accuracy", accuracy, ""))
        .toString();
  }
}
