package io.resfuse.train;

import io.resfuse.engine.TrainingPlan;
import java.nio.FloatBuffer;
import java.util.List;

/**
 * The loss of a plan's batches, and how many of them are right. One for each plan; computing
 * allocates nothing. Not thread-safe.
 */
abstract class BatchLoss {
  private final List<FloatBuffer> gradients;
  private long labels;
  private long correct;

  /**
   * A loss.
   *
   * @param gradients those of the outputs that have one, as {@link TrainingPlan#outputGradient} has
   *     them
   */
  BatchLoss(List<FloatBuffer> gradients) {
    this.gradients = gradients;
  }

  /**
   * Computes the loss of what the plan's last forward pass gave, and writes the gradients of the
   * outputs.
   *
   * @param batches a stream that stands on the batch
   * @return the loss, of all processes where several train together
   */
  final double run(BatchStream batches) {
    labels = 0;
    correct = 0;
    return compute(batches);
  }

  /** As {@link #run}; calls {@link #count} for each label. */
  abstract double compute(BatchStream batches);

  /** Counts a label, whether it has the largest logit or not. */
  final void count(boolean isLargest) {
    labels++;
    correct += isLargest ? 1 : 0;
  }

  /** How many labels the last batch had, of pictures or of pixels; this process's. */
  final long labels() {
    return labels;
  }

  /** How many of them had the largest logit. */
  final long correct() {
    return correct;
  }

  /** The outputs' gradients. */
  final List<FloatBuffer> gradients() {
    return gradients;
  }
}
