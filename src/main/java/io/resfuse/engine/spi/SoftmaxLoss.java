package io.resfuse.engine.spi;

import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import java.nio.FloatBuffer;

/**
 * Softmax cross-entropy of logits in the host's memory, and its gradient, in float64. Not
 * thread-safe; computing allocates nothing.
 */
public final class SoftmaxLoss {
  private final int images;
  private final int classes;

  /** Pixels of an image; 1 of flat logits. */
  private final int plane;

  private final TensorLayout layout;
  private final double[] target;
  private final double[] exponentials;

  /**
   * A loss of logits of one shape.
   *
   * @param logits (images, classes) or (images, classes, height, width)
   * @param layout of logits that are images
   */
  public SoftmaxLoss(Shape logits, TensorLayout layout) {
    this.images = logits.dimension(0);
    this.classes = logits.dimension(1);
    this.plane = Math.toIntExact(logits.elements() / images / classes);
    this.layout = layout;
    this.target = new double[classes];
    this.exponentials = new double[classes];
  }

  /**
   * Against smoothed labels; see {@link io.resfuse.engine.TrainingPlan#softmaxCrossEntropy(String,
   * int[], double, double)}.
   *
   * @param logits in the layout
   * @param labels one for each image or pixel, -1 for none
   * @param smoothing 0 to 1
   * @param weight what loss and gradient are multiplied by
   * @param counted how many labels are not -1
   * @param gradient is written, in the layout
   * @return the loss
   */
  public double againstLabels(
      FloatBuffer logits,
      int[] labels,
      double smoothing,
      double weight,
      int counted,
      FloatBuffer gradient) {
    double loss = 0;
    int stride = stride();
    for (int i = 0; i < labels.length; i++) {
      int first = first(i);
      if (labels[i] < 0) {
        for (int k = 0; k < classes; k++) {
          gradient.put(first + k * stride, 0f);
        }
        continue;
      }
      for (int k = 0; k < classes; k++) {
        target[k] = smoothing / classes;
      }
      target[labels[i]] += 1 - smoothing;
      loss += row(logits, first, stride, weight / counted, gradient);
    }
    return loss;
  }

  /**
   * Against a distribution per image.
   *
   * @param logits flat ones
   * @param targets (images, classes)
   * @param gradient is written
   * @return the loss
   */
  public double againstTargets(FloatBuffer logits, FloatBuffer targets, FloatBuffer gradient) {
    double loss = 0;
    for (int n = 0; n < images; n++) {
      for (int k = 0; k < classes; k++) {
        target[k] = targets.get(n * classes + k);
      }
      loss += row(logits, n * classes, 1, 1.0 / images, gradient);
    }
    return loss;
  }

  /** Where the classes of an image or pixel begin. */
  private int first(int sample) {
    return layout == TensorLayout.NHWC || plane == 1
        ? sample * classes
        : sample / plane * classes * plane + sample % plane;
  }

  /** From one class to the next. */
  private int stride() {
    return layout == TensorLayout.NHWC ? 1 : plane;
  }

  private double row(
      FloatBuffer logits, int first, int stride, double weight, FloatBuffer gradient) {
    double largest = Double.NEGATIVE_INFINITY;
    double mass = 0;
    for (int k = 0; k < classes; k++) {
      largest = Math.max(largest, logits.get(first + k * stride));
      mass += target[k];
    }
    double sum = 0;
    for (int k = 0; k < classes; k++) {
      exponentials[k] = Math.exp(logits.get(first + k * stride) - largest);
      sum += exponentials[k];
    }
    double logSum = Math.log(sum);
    double loss = 0;
    for (int k = 0; k < classes; k++) {
      int i = first + k * stride;
      if (target[k] != 0) {
        loss -= weight * target[k] * (logits.get(i) - largest - logSum);
      }
      gradient.put(i, (float) (weight * (exponentials[k] / sum * mass - target[k])));
    }
    return loss;
  }
}
