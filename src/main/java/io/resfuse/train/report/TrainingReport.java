package io.resfuse.train.report;

import com.fasterxml.jackson.databind.JsonNode;
import io.resfuse.data.dataset.Pictures;
import io.resfuse.report.Html;
import io.resfuse.report.Plot;
import io.resfuse.report.Series;
import io.resfuse.train.Evaluation;
import io.resfuse.train.Measure;
import io.resfuse.train.recipe.RecipeReader;
import io.resfuse.train.recipe.TrainingRecipe;
import io.resfuse.train.run.RunHistory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * A training as a page: loss, accuracy or mean IoU, learning rate, gradients, throughput, how each
 * class does, the confusion matrix and the worst mistakes. Stateless.
 */
public final class TrainingReport {
  private TrainingReport() {}

  /**
   * The page.
   *
   * @param recipe how it was trained
   * @param history what was measured
   * @param data the name of what it was trained on
   * @param test how the result does
   * @param pictures those of the test, for the mistakes
   * @return HTML that is also well-formed XML, without anything from elsewhere
   */
  public static String html(
      TrainingRecipe recipe, RunHistory history, String data, Evaluation test, Pictures pictures) {
    List<JsonNode> starts = history.of("start");
    JsonNode start = starts.get(starts.size() - 1);
    List<JsonNode> epochs = history.of("epoch");
    String title = "%s on %s".formatted(start.path("network").asText(), data);
    StringBuilder body = new StringBuilder("<h1>" + Html.escaped(title) + "</h1>\n");
    body.append(
        "<p class=\"pale\">"
            + Html.escaped(start.path("engine").asText() + ", " + start.path("precision").asText())
            + "</p>\n");
    body.append(Html.tiles(numbers(start, epochs, test)));
    body.append(Html.heading("Learning"));
    body.append(Html.plots(learning(start, history, test)));
    body.append(Html.heading("Gradients and speed"));
    body.append(Html.plots(working(start, history)));
    boolean ofPixels = test.classMeasure() == Measure.IOU;
    if (ofPixels) {
      body.append(Html.heading("Intersection over union of each class"));
      body.append(ClassTable.html(test, pictures.classes()));
    }
    body.append(Html.heading("What is taken for what"));
    body.append(
        ConfusionTable.html(
            test.confusion(), pictures.classes(), ofPixels ? "pixels" : "pictures"));
    if (!test.mistakes().isEmpty()) {
      body.append(Html.heading("The worst mistakes"));
      body.append(Html.paragraph("Test pictures whose own class got the least probability."));
      body.append(MistakePictures.html(test.mistakes(), pictures));
    }
    body.append(Html.heading("Recipe"));
    body.append("<pre>" + Html.escaped(RecipeReader.toJson(recipe)) + "</pre>\n");
    return Html.page(title, body.toString());
  }

  private static Map<String, String> numbers(
      JsonNode start, List<JsonNode> epochs, Evaluation test) {
    Map<String, String> numbers = new LinkedHashMap<>();
    numbers.put(test.mainMeasure().title() + " on the test set", percent(test.mainScore()));
    test.scores()
        .forEach(
            (measure, score) -> {
              boolean telling = measure != Measure.TOP5 || test.confusion().classes() > 5;
              if (measure != test.mainMeasure() && telling) {
                numbers.put(measure.title(), percent(score));
              }
            });
    numbers.put("loss", String.format(Locale.ROOT, "%.4f", test.loss()));
    numbers.put(
        "trained parameters", String.format(Locale.ROOT, "%,d", start.path("parameters").asLong()));
    if (!epochs.isEmpty()) {
      JsonNode last = epochs.get(epochs.size() - 1);
      numbers.put("epochs", Integer.toString(last.path("epoch").asInt() + 1));
      numbers.putAll(best(epochs, test.mainMeasure()));
      numbers.put("of training", duration(last.path("seconds").asDouble()));
      double speed =
          epochs.stream()
              .mapToDouble(e -> e.path("images_per_second").asDouble())
              .average()
              .orElse(0);
      numbers.put("pictures per second", String.format(Locale.ROOT, "%,.0f", speed));
      double waited =
          epochs.stream()
              .mapToDouble(e -> e.path("waited_for_data").asDouble())
              .average()
              .orElse(0);
      numbers.put("of the time waiting for data", percent(waited));
    }
    return numbers;
  }

  /** The best evaluation during the training, where that is not the last. */
  private static Map<String, String> best(List<JsonNode> epochs, Measure measure) {
    JsonNode best = null;
    boolean isLast = false;
    for (JsonNode epoch : epochs) {
      if (epoch.path(measure.key()).isNumber()) {
        double score = epoch.path(measure.key()).doubleValue();
        isLast = best == null || score > best.path(measure.key()).doubleValue();
        best = isLast ? epoch : best;
      }
    }
    if (best == null || isLast) {
      return Map.of();
    }
    return Map.of(
        "best " + measure.title() + ", in epoch " + (best.path("epoch").asInt() + 1),
        percent(best.path(measure.key()).doubleValue()));
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.2f%%", 100 * share);
  }

  private static String duration(double seconds) {
    long whole = Math.round(seconds);
    return whole < 120
        ? String.format(Locale.ROOT, "%.1f s", seconds)
        : String.format(Locale.ROOT, "%d:%02d min", whole / 60, whole % 60);
  }

  private static String[] learning(JsonNode start, RunHistory history, Evaluation test) {
    List<JsonNode> steps = history.of("step");
    List<JsonNode> epochs = history.of("epoch");
    String unit = "step (" + start.path("steps_per_epoch").asInt() + " per epoch)";
    return new String[] {
      new Plot(
              "Loss",
              unit,
              false,
              List.of(
                  Curves.of("evaluation", epochs, "/step", "/loss"),
                  Curves.of("training, mean of the epoch", epochs, "/step", "/training_loss"),
                  Curves.of("training, single steps", steps, "/step", "/loss", Series.Style.FAINT)))
          .html(),
      new Plot(accuracyTitle(test), unit, false, accuracies(epochs, test)).html(),
      new Plot(
              "Learning rate",
              unit,
              false,
              List.of(Curves.of("rate", steps, "/step", "/learning_rate")))
          .html()
    };
  }

  private static String accuracyTitle(Evaluation test) {
    return test.mainMeasure() == Measure.TOP1
        ? "Top-1 accuracy"
        : "Mean IoU and the share of pixels that are right";
  }

  private static List<Series> accuracies(List<JsonNode> epochs, Evaluation test) {
    String training = "/training_accuracy";
    if (test.mainMeasure() == Measure.TOP1) {
      return List.of(
          Curves.of("evaluation", epochs, "/step", "/" + Measure.TOP1.key()),
          Curves.of("training", epochs, "/step", training));
    }
    return List.of(
        Curves.of("evaluation, mean IoU", epochs, "/step", "/" + Measure.MEAN_IOU.key()),
        Curves.of("evaluation, pixels", epochs, "/step", "/" + Measure.PIXEL_ACCURACY.key()),
        Curves.of("training, pixels", epochs, "/step", training));
  }

  private static String[] working(JsonNode start, RunHistory history) {
    List<JsonNode> steps = history.of("step");
    String unit = "step (" + start.path("steps_per_epoch").asInt() + " per epoch)";
    Set<String> stages = new LinkedHashSet<>();
    steps.forEach(step -> step.path("norms").fieldNames().forEachRemaining(stages::add));
    List<Series> norms = new ArrayList<>();
    stages.forEach(stage -> norms.add(Curves.of(stage, steps, "/step", "/norms/" + stage)));
    return new String[] {
      new Plot("Gradient norm by stage", unit, true, norms).html(),
      LayerNorms.chart(history.of("layers")),
      new Plot(
              "Pictures per second",
              unit,
              false,
              List.of(Curves.of("speed", steps, "/step", "/images_per_second")))
          .html()
    };
  }
}
