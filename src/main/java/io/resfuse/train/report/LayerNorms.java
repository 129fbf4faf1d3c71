package io.resfuse.train.report;

import com.fasterxml.jackson.databind.JsonNode;
import io.resfuse.report.Plot;
import io.resfuse.report.Series;
import java.util.ArrayList;
import java.util.List;

/** Gradient norms by layer, from the network's beginning to its end. */
final class LayerNorms {
  private LayerNorms() {}

  /** A line for the start, for the middle and for the last epoch of a training. */
  static String chart(List<JsonNode> layers) {
    List<Series> lines = new ArrayList<>();
    for (int at : new int[] {0, layers.size() / 2, layers.size() - 1}) {
      if (at >= 0 && at < layers.size()) {
        int epoch = layers.get(at).path("epoch").asInt();
        String name = epoch == 0 ? "first step" : "epoch " + (epoch + 1);
        if (lines.stream().noneMatch(line -> line.name().equals(name))) {
          lines.add(series(name, layers.get(at)));
        }
      }
    }
    return new Plot("Gradient norm by layer", "layer", true, lines).html();
  }

  /** The norms of one look, over the layers' numbers from 1. */
  static Series series(String name, JsonNode look) {
    List<Series.Point> points = new ArrayList<>();
    for (JsonNode norm : look.path("norms")) {
      points.add(
          new Series.Point(points.size() + 1.0, norm.isNumber() ? norm.doubleValue() : Double.NaN));
    }
    return new Series(name, points);
  }
}
