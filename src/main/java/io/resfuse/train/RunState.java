package io.resfuse.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * Where a training stands, besides weights, optimizer and average. The random numbers of a training
 * depend on the recipe's seed and on the numbers here, and on nothing else. Not thread-safe.
 */
final class RunState {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  /** Optimizer steps that were made, skipped ones included. */
  long step;

  /** The epoch that the next batch belongs to. */
  int epoch;

  /** The next batch in the epoch. */
  int batch;

  /** Of the epoch so far: the sum over its steps of loss times pictures. */
  double lossSum;

  /** Of the epoch so far: labels that had the largest logit. */
  long correct;

  /** Of the epoch so far, of pictures or of pixels. */
  long labels;

  /** Of the epoch so far. */
  long pictures;

  /** Steps that fp16 skipped. */
  long skipped;

  /** Pictures that could not be read, each counted as often as it was asked for. */
  long unreadable;

  /** The largest score of an evaluation, -1 before the first. */
  double best = -1;

  /** Evaluations since the last progress. */
  int withoutProgress;

  /** Seconds of training, evaluations included, up to here. */
  double seconds;

  double lossScale = 1;
  int goodSteps;
  long averageUpdates;

  void beginEpoch(int next) {
    epoch = next;
    batch = 0;
    lossSum = 0;
    correct = 0;
    labels = 0;
    pictures = 0;
  }

  String toJson() {
    ObjectNode node = MAPPER.createObjectNode();
    node.put("step", step).put("epoch", epoch).put("batch", batch);
    node.put("loss_sum", lossSum).put("correct", correct).put("pictures", pictures);
    node.put("labels", labels).put("skipped", skipped).put("unreadable", unreadable);
    node.put("best", best).put("without_progress", withoutProgress).put("seconds", seconds);
    node.put("loss_scale", lossScale).put("good_steps", goodSteps);
    node.put("average_updates", averageUpdates);
    return node.toString();
  }

  static RunState fromJson(String json) {
    JsonNode node;
    try {
      node = MAPPER.readTree(json);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("its state is not JSON", e);
    }
    RunState state = new RunState();
    state.step = field(node, "step").longValue();
    state.epoch = field(node, "epoch").intValue();
    state.batch = field(node, "batch").intValue();
    state.lossSum = field(node, "loss_sum").doubleValue();
    state.correct = field(node, "correct").longValue();
    state.pictures = field(node, "pictures").longValue();
    // Former versions knew pictures with a class only.
    state.labels = node.has("labels") ? field(node, "labels").longValue() : state.pictures;
    state.skipped = field(node, "skipped").longValue();
    state.unreadable = field(node, "unreadable").longValue();
    state.best = field(node, "best").doubleValue();
    state.withoutProgress = field(node, "without_progress").intValue();
    state.seconds = field(node, "seconds").doubleValue();
    state.lossScale = field(node, "loss_scale").doubleValue();
    state.goodSteps = field(node, "good_steps").intValue();
    state.averageUpdates = field(node, "average_updates").longValue();
    return state;
  }

  private static JsonNode field(JsonNode node, String name) {
    JsonNode value = node.get(name);
    if (value == null || !value.isNumber()) {
      throw new IllegalArgumentException("its state has no number '" + name + "'");
    }
    return value;
  }
}
