package io.resfuse.train;

import io.resfuse.engine.TrainingPlan;
import io.resfuse.tensor.Shape;
import java.nio.FloatBuffer;
import java.util.List;

/**
 * Cross-entropy of pixels that have a class: the mean over all of a batch, of the logits, and with
 * a weight of the auxiliary head's.
 */
final class PixelLoss extends BatchLoss {
  private final TrainingPlan plan;
  private final double smoothing;

  /** 0 where the plan has no auxiliary output. */
  private final double auxiliaryWeight;

  private final FloatBuffer logits;
  private final int classes;
  private final int plane;
  private final float[] row;

  PixelLoss(TrainingPlan plan, double smoothing, double auxiliaryWeight) {
    super(
        auxiliaryWeight > 0
            ? List.of(plan.outputGradient(Task.LOGITS), plan.outputGradient(Task.AUXILIARY))
            : List.of(plan.outputGradient(Task.LOGITS)));
    Shape shape = plan.outputShape(Task.LOGITS);
    this.plan = plan;
    this.smoothing = smoothing;
    this.auxiliaryWeight = auxiliaryWeight;
    this.logits = plan.output(Task.LOGITS);
    this.classes = shape.dimension(1);
    this.plane = shape.dimension(2) * shape.dimension(3);
    this.row = new float[classes];
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
  double compute(BatchStream batches) {
    int[] ofPixels = labels(batches);
    double loss = plan.softmaxCrossEntropy(Task.LOGITS, ofPixels, smoothing, 1);
    if (auxiliaryWeight > 0) {
      loss += plan.softmaxCrossEntropy(Task.AUXILIARY, ofPixels, smoothing, auxiliaryWeight);
    }
    countAll(ofPixels);
    return loss;
  }

  private void countAll(int[] ofPixels) {
    for (int i = 0; i < ofPixels.length; i++) {
      if (ofPixels[i] >= 0) {
        int from = i / plane * classes * plane + i % plane;
        for (int k = 0; k < classes; k++) {
          row[k] = logits.get(from + k * plane);
        }
        count(largest(row, classes) == ofPixels[i]);
      }
    }
  }
}
