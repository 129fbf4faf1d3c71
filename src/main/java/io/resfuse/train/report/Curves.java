package io.resfuse.train.report;

import com.fasterxml.jackson.databind.JsonNode;
import io.resfuse.report.Series;
import java.util.ArrayList;
import java.util.List;

/** Series of plots from the events of a training. Stateless. */
final class Curves {
  private static final int MOST_POINTS = 800;

  private Curves() {}

  /** The values of a field over those of another; events that lack one are left out. */
  static Series of(String name, List<JsonNode> events, String x, String y, Series.Style style) {
    List<Series.Point> points = new ArrayList<>();
    int stride = events.size() / MOST_POINTS + 1;
    for (int i = 0; i < events.size(); i += stride) {
      JsonNode event = events.get(i);
      if (event.at(x).isNumber() && event.at(y).isNumber()) {
        points.add(new Series.Point(event.at(x).doubleValue(), event.at(y).doubleValue()));
      }
    }
    return new Series(name, points, style);
  }

  /** The same as a line. */
  static Series of(String name, List<JsonNode> events, String x, String y) {
    return of(name, events, x, y, Series.Style.LINE);
  }
}
