package io.resfuse.quantize;

import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.PlanRequest;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;

/** What the values of a network are like on pictures. Maxima and counts: any order will do. */
final class Calibration {
  private final LoadedNetwork network;
  private final Passes passes;
  private final List<String> names;
  private final PlanRequest request;
  private final String input;

  /**
   * Of a network.
   *
   * @param network in float32, with an output for each value
   * @param passes over the pictures
   * @param names of the values, {@code input} may be among them
   */
  Calibration(LoadedNetwork network, Passes passes, List<String> names) {
    this.network = network;
    this.passes = passes;
    this.names = names;
    this.input = network.network().input().name();
    Set<String> outputs = new LinkedHashSet<>(names);
    outputs.remove(input);
    if (outputs.isEmpty()) {
      outputs.add(network.network().operations().get(0).output().name());
    }
    this.request = passes.request(outputs);
  }

  /** The largest magnitude of each value. */
  Map<String, Double> largest() {
    Map<String, Double> largest = new LinkedHashMap<>();
    names.forEach(name -> largest.put(name, 0.0));
    AtomicBoolean varied = new AtomicBoolean();
    over(
        (picture, values) -> {
          FloatBuffer image = values.get(values.size() - 1);
          if (isVaried(image)) {
            varied.set(true);
          }
          for (int i = 0; i < names.size(); i++) {
            double most = magnitude(names.get(i), picture, values.get(i));
            synchronized (largest) {
              largest.merge(names.get(i), most, Math::max);
            }
          }
        });
    if (!varied.get()) {
      throw new QuantizationException(
          "all "
              + passes.pictures().count()
              + " pictures for calibration are of one colour each, black for example; give"
              + " pictures like those to come");
    }
    return largest;
  }

  /** How often the magnitudes of each value occur, of those that are not always zero. */
  Map<String, Histogram> histograms(Map<String, Double> largest) {
    Map<String, Histogram> histograms = new LinkedHashMap<>();
    largest.forEach(
        (name, most) -> {
          if (most > 0) {
            histograms.put(name, new Histogram(most));
          }
        });
    over(
        (picture, values) -> {
          for (int i = 0; i < names.size(); i++) {
            Histogram histogram = histograms.get(names.get(i));
            if (histogram != null) {
              histogram.add(values.get(i));
            }
          }
        });
    return histograms;
  }

  private interface Look {
    /**
     * Is shown what a picture makes of the values.
     *
     * @param picture its index
     * @param values in the order of the names, the image last
     */
    void at(int picture, List<FloatBuffer> values);
  }

  private void over(Look look) {
    Pictures pictures = passes.pictures();
    passes.over(
        pictures.count(),
        () ->
            new Passes.PlanVisitor(pictures, network, request) {
              private final List<FloatBuffer> values = new ArrayList<>();

              @Override
              void look(int picture) {
                if (values.isEmpty()) {
                  for (String name : names) {
                    values.add(name.equals(input) ? plan.input() : plan.output(name));
                  }
                  values.add(plan.input());
                }
                look.at(picture, values);
              }
            });
  }

  private static double magnitude(String name, int picture, FloatBuffer values) {
    float most = 0;
    for (int i = 0; i < values.capacity(); i++) {
      most = Math.max(most, Math.abs(values.get(i)));
    }
    if (!Float.isFinite(most)) {
      throw new QuantizationException(
          "picture " + picture + " for calibration makes " + most + " of the value " + name);
    }
    return most;
  }

  /** Whether two pixels differ, in any channel: neighbours do somewhere, then. One need not. */
  private boolean isVaried(FloatBuffer image) {
    int plane = passes.pictures().height() * passes.pictures().width();
    if (plane == 1) {
      return true;
    }
    for (int i = 1; i < image.capacity(); i++) {
      if (i % plane != 0 && image.get(i) != image.get(i - 1)) {
        return true;
      }
    }
    return false;
  }
}
