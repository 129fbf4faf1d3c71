package io.resfuse.engine.reference;

/**
 * The mean over images n of {@code -sum over classes k of t[n,k] log softmax(z)[n,k]} and its
 * gradient {@code (softmax(z)[n,k] sum_j t[n,j] - t[n,k]) / N}. N counts the images with a target.
 */
final class CrossEntropy {
  private final int batch;
  private final int classes;
  private final double[] target;

  CrossEntropy(int batch, int classes) {
    this.batch = batch;
    this.classes = classes;
    this.target = new double[classes];
  }

  /** Writes the target distribution of an image; returns false if the image does not count. */
  interface Targets {
    boolean write(int image, double[] distribution);
  }

  /**
   * Writes the gradient of the logits; both are in the order of a {@link Tensor}.
   *
   * @return the loss, 0 if no image counts
   */
  double run(double[] logits, Targets targets, double[] gradient) {
    int counted = 0;
    double loss = 0;
    for (int n = 0; n < batch; n++) {
      counted += targets.write(n, target) ? 1 : 0;
    }
    for (int n = 0; n < batch; n++) {
      boolean counts = targets.write(n, target);
      double largest = Double.NEGATIVE_INFINITY;
      for (int k = 0; k < classes; k++) {
        largest = Math.max(largest, logits[k * batch + n]);
      }
      double exponentials = 0;
      double mass = 0;
      for (int k = 0; k < classes; k++) {
        exponentials += Math.exp(logits[k * batch + n] - largest);
        mass += target[k];
      }
      for (int k = 0; k < classes; k++) {
        double logProbability = logits[k * batch + n] - largest - Math.log(exponentials);
        if (counts && target[k] != 0) {
          loss -= target[k] * logProbability / counted;
        }
        if (gradient != null) {
          gradient[k * batch + n] =
              counts ? (Math.exp(logProbability) * mass - target[k]) / counted : 0;
        }
      }
    }
    return loss;
  }
}
