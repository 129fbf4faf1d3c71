package io.resfuse.train.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/**
 * Points of a plot, joined by a line. Immutable.
 *
 * @param name in the legend
 * @param points in the order of their x; those that are not finite are left out
 * @param faint whether it is drawn thin and pale, as the background of another
 */
record Series(String name, List<Point> points, boolean faint) {
  private static final int MOST_POINTS = 800;

  /** A point. */
  record Point(double x, double y) {}

  Series {
    points =
        points.stream()
            .filter(point -> Double.isFinite(point.x()) && Double.isFinite(point.y()))
            .toList();
  }

  /** The values of a field over those of another; events that lack one are left out. */
  static Series of(String name, List<JsonNode> events, String x, String y, boolean faint) {
    List<Point> points = new ArrayList<>();
    int stride = events.size() / MOST_POINTS + 1;
    for (int i = 0; i < events.size(); i += stride) {
      JsonNode event = events.get(i);
      if (event.at(x).isNumber() && event.at(y).isNumber()) {
        points.add(new Point(event.at(x).doubleValue(), event.at(y).doubleValue()));
      }
    }
    return new Series(name, points, faint);
  }
}
