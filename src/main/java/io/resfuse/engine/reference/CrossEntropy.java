package io.resfuse.engine.reference;

/**
 * A weight w times the mean over samples n, which are images or pixels, of {@code -sum over classes
 * k of t[n,k] log softmax(z)[n,k]} and its gradient {@code w (softmax(z)[n,k] sum_j t[n,j] -
 * t[n,k]) / N}. N counts the samples with a target.
 */
final class CrossEntropy {
  private final int samples;
  private final int classes;
  private final double[] target;

  CrossEntropy(int samples, int classes) {
    this.samples = samples;
    this.classes = classes;
    this.target = new double[classes];
  }

  /** Writes the target distribution of a sample; returns false if the sample does not count. */
  interface Targets {
    boolean write(int sample, double[] distribution);
  }

  /**
   * Writes the gradient of the logits; both are in the order of a {@link Tensor}, channels first.
   *
   * @return the loss, 0 if no sample counts
   */
  double run(double[] logits, Targets targets, double weight, double[] gradient) {
    int counted = 0;
    double loss = 0;
    for (int n = 0; n < samples; n++) {
      counted += targets.write(n, target) ? 1 : 0;
    }
    for (int n = 0; n < samples; n++) {
      boolean counts = targets.write(n, target);
      double largest = Double.NEGATIVE_INFINITY;
      for (int k = 0; k < classes; k++) {
        largest = Math.max(largest, logits[k * samples + n]);
      }
      double exponentials = 0;
      double mass = 0;
      for (int k = 0; k < classes; k++) {
        exponentials += Math.exp(logits[k * samples + n] - largest);
        mass += target[k];
      }
      for (int k = 0; k < classes; k++) {
        double logProbability = logits[k * samples + n] - largest - Math.log(exponentials);
        if (counts && target[k] != 0) {
          loss -= weight * target[k] * logProbability / counted;
        }
        if (gradient != null) {
          gradient[k * samples + n] =
              counts ? weight * (Math.exp(logProbability) * mass - target[k]) / counted : 0;
        }
      }
    }
    return loss;
  }
}
