package io.resfuse.train.run;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.resfuse.train.Evaluation;
import io.resfuse.train.TrainingListener;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Writes what it hears as JSON, an object per line, each with an {@code event}: {@code start},
 * {@code step}, {@code layers}, {@code epoch}, {@code checkpoint}, {@code notice}. Numbers that are
 * not finite are null. Every line is flushed.
 */
public final class MetricsLog implements TrainingListener {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private final Writer out;

  /**
   * A log.
   *
   * @param out gets the lines; not owned
   */
  public MetricsLog(Writer out) {
    this.out = out;
  }

  private static ObjectNode event(String name) {
    return MAPPER.createObjectNode().put("event", name);
  }

  private static ObjectNode number(ObjectNode node, String name, double value) {
    return Double.isFinite(value) ? node.put(name, value) : node.putNull(name);
  }

  private void write(ObjectNode node) {
    try {
      out.write(node + "\n");
      out.flush();
    } catch (IOException e) {
      throw new UncheckedIOException("the metrics cannot be written: " + e.getMessage(), e);
    }
  }

  @Override
  public void started(Start start) {
    ObjectNode node = event("start");
    node.put("network", start.network()).put("parameters", start.parameters());
    node.put("engine", start.engine()).put("precision", start.precision());
    ArrayNode classes = node.putArray("classes");
    start.classes().forEach(classes::add);
    node.put("pictures", start.pictures()).put("evaluated", start.evaluated());
    node.put("batch", start.batch()).put("epochs", start.epochs());
    node.put("steps_per_epoch", start.stepsPerEpoch()).put("step", start.step());
    write(node);
  }

  @Override
  public void step(Step step) {
    ObjectNode node = event("step").put("step", step.step()).put("epoch", step.epoch());
    number(node, "loss", step.loss());
    number(node, "accuracy", step.accuracy());
    number(node, "learning_rate", step.learningRate());
    number(node, "gradient_norm", step.gradientNorm());
    norms(node, step.stageNorms());
    number(node, "images_per_second", step.imagesPerSecond());
    number(node, "loss_scale", step.lossScale());
    number(node, "seconds", step.seconds());
    write(node);
  }

  private static void norms(ObjectNode node, Map<String, Double> norms) {
    ObjectNode inner = node.putObject("norms");
    norms.forEach((name, norm) -> number(inner, name, norm));
  }

  @Override
  public void layers(Layers layers) {
    ObjectNode node = event("layers").put("step", layers.step()).put("epoch", layers.epoch());
    norms(node, layers.norms());
    write(node);
  }

  @Override
  public void epoch(Epoch epoch) {
    ObjectNode node = event("epoch").put("epoch", epoch.epoch()).put("step", epoch.step());
    number(node, "training_loss", epoch.trainingLoss());
    number(node, "training_accuracy", epoch.trainingAccuracy());
    Evaluation evaluation = epoch.evaluation();
    if (evaluation != null) {
      number(node, "loss", evaluation.loss());
      evaluation.scores().forEach((measure, score) -> number(node, measure.key(), score));
      number(node, "evaluation_seconds", evaluation.seconds());
      node.put("best", epoch.best());
    }
    number(node, "images_per_second", epoch.imagesPerSecond());
    number(node, "waited_for_data", epoch.waitedShare());
    node.put("unreadable", epoch.unreadable()).put("skipped", epoch.skipped());
    number(node, "seconds", epoch.seconds());
    write(node);
  }

  @Override
  public void checkpoint(Path file, long step) {
    write(event("checkpoint").put("step", step).put("file", file.toString()));
  }

  @Override
  public void notice(String line) {
    write(event("notice").put("line", line));
  }

  /**
   * An evaluation as JSON.
   *
   * @param evaluation how a network does
   * @param classes their names
   * @return with the scores of all and of each class and the confusion matrix, without the mistakes
   */
  public static ObjectNode toJson(Evaluation evaluation, List<String> classes) {
    ObjectNode node = MAPPER.createObjectNode();
    node.put("pictures", evaluation.pictures()).put("unreadable", evaluation.unreadable());
    number(node, "loss", evaluation.loss());
    evaluation.scores().forEach((measure, score) -> number(node, measure.key(), score));
    number(node, "seconds", evaluation.seconds());
    ArrayNode names = node.putArray("classes");
    classes.forEach(names::add);
    ArrayNode ofClasses = node.putArray(evaluation.classMeasure().key());
    for (double score : evaluation.classScores()) {
      if (Double.isNaN(score)) {
        ofClasses.addNull();
      } else {
        ofClasses.add(score);
      }
    }
    ArrayNode rows = node.putArray("confusion");
    for (int i = 0; i < evaluation.confusion().classes(); i++) {
      ArrayNode row = rows.addArray();
      for (int j = 0; j < evaluation.confusion().classes(); j++) {
        row.add(evaluation.confusion().count(i, j));
      }
    }
    return node;
  }
}
