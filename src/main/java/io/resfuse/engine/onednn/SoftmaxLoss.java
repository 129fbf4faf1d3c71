package io.resfuse.engine.onednn;

import java.nio.FloatBuffer;

/**
 * Softmax cross-entropy over rows of logits, and its gradient, in float64. Not thread-safe;
 * computing allocates nothing.
 */
final class SoftmaxLoss {
  private final int batch;
  private final int classes;
  private final double[] target;

  SoftmaxLoss(int batch, int classes) {
    this.batch = batch;
    this.classes = classes;
    this.target = new double[classes];
  }

  /** Against smoothed labels; see {@link io.resfuse.engine.TrainingPlan#softmaxCrossEntropy}. */
  double againstLabels(FloatBuffer logits, int[] labels, double smoothing, FloatBuffer gradient) {
    check(labels, smoothing);
    int counted = 0;
    for (int label : labels) {
      counted += label >= 0 ? 1 : 0;
    }
    double loss = 0;
    for (int n = 0; n < batch; n++) {
      if (labels[n] < 0) {
        for (int k = 0; k < classes; k++) {
          gradient.put(n * classes + k, 0f);
        }
        continue;
      }
      for (int k = 0; k < classes; k++) {
        target[k] = smoothing / classes;
      }
      target[labels[n]] += 1 - smoothing;
      loss += row(logits, n, counted, gradient);
    }
    return loss;
  }

  private void check(int[] labels, double smoothing) {
    if (labels.length != batch) {
      throw new IllegalArgumentException(
          "the plan has a batch of " + batch + " images, got " + labels.length + " labels");
    }
    for (int n = 0; n < batch; n++) {
      if (labels[n] < -1 || labels[n] >= classes) {
        throw new IllegalArgumentException(
            "label "
                + labels[n]
                + " of image "
                + n
                + " is not one of "
                + classes
                + " classes (0 to "
                + (classes - 1)
                + ", or -1 for none)");
      }
    }
    if (!(smoothing >= 0 && smoothing <= 1)) {
      throw new IllegalArgumentException("label smoothing must be in 0 to 1, got " + smoothing);
    }
  }

  /** Against a distribution per row. */
  double againstTargets(FloatBuffer logits, FloatBuffer targets, FloatBuffer gradient) {
    if (targets.capacity() != batch * classes) {
      throw new IllegalArgumentException(
          "targets must be "
              + batch
              + " rows of "
              + classes
              + " classes, got "
              + targets.capacity()
              + " elements");
    }
    double loss = 0;
    for (int n = 0; n < batch; n++) {
      for (int k = 0; k < classes; k++) {
        target[k] = targets.get(n * classes + k);
      }
      loss += row(logits, n, batch, gradient);
    }
    return loss;
  }

  private double row(FloatBuffer logits, int n, int counted, FloatBuffer gradient) {
    int start = n * classes;
    double largest = Double.NEGATIVE_INFINITY;
    double mass = 0;
    for (int k = 0; k < classes; k++) {
      largest = Math.max(largest, logits.get(start + k));
      mass += target[k];
    }
    double sum = 0;
    for (int k = 0; k < classes; k++) {
      sum += Math.exp(logits.get(start + k) - largest);
    }
    double logSum = Math.log(sum);
    double loss = 0;
    for (int k = 0; k < classes; k++) {
      double logProbability = logits.get(start + k) - largest - logSum;
      if (target[k] != 0) {
        loss -= target[k] * logProbability / counted;
      }
      gradient.put(start + k, (float) ((Math.exp(logProbability) * mass - target[k]) / counted));
    }
    return loss;
  }
}
