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
  double againstLabels(
      FloatBuffer logits, int[] labels, double smoothing, int counted, FloatBuffer gradient) {
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

  /** Against a distribution per row. */
  double againstTargets(FloatBuffer logits, FloatBuffer targets, FloatBuffer gradient) {
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
