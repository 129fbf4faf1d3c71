package io.resfuse.train;

import io.resfuse.engine.TrainingPlan;
import io.resfuse.tensor.Shape;
import java.nio.FloatBuffer;
import java.util.List;

/**
 * Cross-entropy of pixels that have a class: the mean over all of a batch, of the logits, and with
 * a weight of the auxiliary head's.
 */
final class PixelLoss implements BatchLoss {
  private final TrainingPlan plan;
  private final double smoothing;

  /** 0 where the plan has no auxiliary output. */
  private final double auxiliaryWeight;

  private final FloatBuffer logits;
  private final int classes;
  private final int plane;
  private final float[] row;
  private final List<FloatBuffer> gradients;
  private long labels;
  private long correct;

  PixelLoss(TrainingPlan plan, double smoothing, double auxiliaryWeight) {
    Shape shape = plan.outputShape(Task.LOGITS);
    this.plan = plan;
    this.smoothing = smoothing;
    this.auxiliaryWeight = auxiliaryWeight;
    this.logits = plan.output(Task.LOGITS);
    this.classes = shape.dimension(1);
    this.plane = shape.dimension(2) * shape.dimension(3);
    this.row = new float[classes];
    this.gradients =
        auxiliaryWeight > 0
            ? List.of(plan.outputGradient(Task.LOGITS), plan.outputGradient(Task.AUXILIARY))
            : List.of(plan.outputGradient(Task.LOGITS));
  }

  /** The labels of a batch's pixels. */
  static int[] labels(BatchStream batches) {
    int[] labels = batches.pixelLabels();
    if (labels == null) {
      throw new TrainingException(
          "the network gives each pixel a class, but the pictures have no class for each pixel");
    }
    return labels;
  }

  /** The class with the largest logit, the first of equal ones; -1 if all are NaN. */
  static int largest(float[] logits, int classes) {
    int largest = -1;
    for (int i = 0; i < classes; i++) {
      if (largest < 0 ? !Float.isNaN(logits[i]) : logits[i] > logits[largest]) {
        largest = i;
      }
    }
    return largest;
  }

  @Override
  public double run(BatchStream batches) {
    int[] ofPixels = labels(batches);
    double loss = plan.softmaxCrossEntropy(Task.LOGITS, ofPixels, smoothing, 1);
    if (auxiliaryWeight > 0) {
      loss += plan.softmaxCrossEntropy(Task.AUXILIARY, ofPixels, smoothing, auxiliaryWeight);
    }
    count(ofPixels);
    return loss;
  }

  private void count(int[] ofPixels) {
    labels = 0;
    correct = 0;
    for (int i = 0; i < ofPixels.length; i++) {
      if (ofPixels[i] >= 0) {
        int from = i / plane * classes * plane + i % plane;
        for (int k = 0; k < classes; k++) {
          row[k] = logits.get(from + k * plane);
        }
        labels++;
        correct += largest(row, classes) == ofPixels[i] ? 1 : 0;
      }
    }
  }

  @Override
  public long labels() {
    return labels;
  }

  @Override
  public long correct() {
    return correct;
  }

  @Override
  public List<FloatBuffer> gradients() {
    return gradients;
  }
}
