package io.resfuse.train.report;

import com.fasterxml.jackson.databind.JsonNode;
import io.resfuse.report.Axis;
import io.resfuse.report.Series;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;

/** Errors in percent over the epochs of several trainings. Stateless. */
final class ErrorCurves {
  /** The share of augmented pictures that an epoch told right. */
  static final String TRAINING = "training_accuracy";

  /** The share of pictures that an evaluation told right. */
  static final String TEST = "top1";

  private ErrorCurves() {}

  /** What an epoch with a share got wrong. */
  static double error(JsonNode epoch, String field) {
    return 100 * (1 - epoch.path(field).doubleValue());
  }

  /** One axis for the errors of all epochs, in training and evaluation. */
  static Axis axis(Stream<JsonNode> epochs) {
    return Axis.over(
        epochs
            .flatMap(
                epoch ->
                    Stream.of(TRAINING, TEST)
                        .filter(field -> epoch.path(field).isNumber())
                        .map(field -> error(epoch, field)))
            .mapToDouble(Double::doubleValue)
            .toArray(),
        false);
  }

  /** The errors of the epochs that have them, over the epochs, the first of which is 1. */
  static Series of(String name, List<JsonNode> epochs, String field, Series.Style style) {
    return of(name, epochs, epoch -> epoch.path("epoch").asInt() + 1.0, field, style);
  }

  /** The same over something else. */
  static Series of(
      String name,
      List<JsonNode> epochs,
      ToDoubleFunction<JsonNode> over,
      String field,
      Series.Style style) {
    List<Series.Point> points = new ArrayList<>();
    for (JsonNode epoch : epochs) {
      if (epoch.path(field).isNumber()) {
        points.add(new Series.Point(over.applyAsDouble(epoch), error(epoch, field)));
      }
    }
    return new Series(name, points, style);
  }
}
