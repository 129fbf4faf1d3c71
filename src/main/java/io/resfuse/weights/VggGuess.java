package io.resfuse.weights;

import io.resfuse.model.NetworkConfig;
import io.resfuse.model.VggConfig;
import io.resfuse.model.VggVariant;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.WeightsException;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Finds the VGG that a file without a description is for: the places of its convolutions say where
 * poolings are, which end the stages.
 */
final class VggGuess {
  private static final int LARGEST_PLACE = 10_000;

  /** Of networks without a head, of which no tensor says it: torchvision's. */
  private static final int USUAL_HIDDEN = 4096;

  private final NameMapping mapping;
  private final List<String> notes;

  VggGuess(NameMapping mapping, List<String> notes) {
    this.mapping = mapping;
    this.notes = notes;
  }

  /**
   * The configuration whose parameters fit the file.
   *
   * @throws WeightsException if none does
   */
  NetworkConfig guess() {
    try {
      VggConfig config = configure();
      LoadReport report = mapping.compare(config, List.of());
      if (!report.missing().isEmpty() || !report.misshapen().isEmpty()) {
        throw refuse(
            "the closest VGG is "
                + config.name()
                + " with "
                + report.summary()
                + report.toString().substring(report.summary().length()));
      }
      notes.add("by its names and shapes it is a " + config.name());
      return config;
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw refuse("no VGG can be built of them (" + e.getMessage() + ")");
    }
  }

  private WeightsException refuse(String why) {
    return WeightsException.of(
        mapping.file().path(),
        "its tensors are named as those of a VGG, but " + why,
        "name the network that it was made with: --network NAME");
  }

  private VggConfig configure() {
    boolean batchNorm = mapping.shape("features.1.running_mean") != null;
    int step = batchNorm ? 3 : 2;
    List<Integer> counts = new ArrayList<>();
    List<Integer> widths = new ArrayList<>();
    int expected = -1;
    for (int place : convolutions()) {
      if (place != expected) {
        counts.add(0);
        widths.add(outputs("features." + place + ".weight"));
      }
      counts.set(counts.size() - 1, counts.get(counts.size() - 1) + 1);
      expected = place + step;
    }
    int classes = outputs("classifier.6.weight");
    int linear = outputs("classifier.weight");
    int hidden = linear > 0 ? 0 : classes > 0 ? outputs("classifier.0.weight") : USUAL_HIDDEN;
    VggVariant variant = new VggVariant("vgg", counts, widths, batchNorm, hidden).withUsualName();
    Shape first = mapping.shape("features.0.weight");
    return VggConfig.of(variant)
        .withClasses(Math.max(classes, linear))
        .withInputChannels(first == null || first.rank() < 2 ? 3 : first.dimension(1));
  }

  private SortedSet<Integer> convolutions() {
    SortedSet<Integer> places = new TreeSet<>();
    for (int place = 0; place < LARGEST_PLACE; place++) {
      Shape shape = mapping.shape("features." + place + ".weight");
      if (shape != null && shape.rank() == 4) {
        places.add(place);
      }
    }
    return places;
  }

  private int outputs(String parameter) {
    @Nullable Shape shape = mapping.shape(parameter);
    return shape == null || shape.rank() < 1 ? 0 : shape.dimension(0);
  }
}
