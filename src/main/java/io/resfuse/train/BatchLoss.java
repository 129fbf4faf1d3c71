package io.resfuse.train;

import io.resfuse.engine.TrainingPlan;
import java.nio.FloatBuffer;
import java.util.List;

/**
 * The loss of a plan's batches, and how many of them are right. One for each plan; computing
 * allocates nothing. Not thread-safe.
 */
interface BatchLoss {
  /**
   * Computes the loss of what the plan's last forward pass gave, and writes the gradients of the
   * outputs.
   *
   * @param batches a stream that stands on the batch
   * @return the loss, of all processes where several train together
   */
  double run(BatchStream batches);

  /** How many labels the last batch had, of pictures or of pixels; this process's. */
  long labels();

  /** How many of them had the largest logit. */
  long correct();

  /** The outputs' gradients, as {@link TrainingPlan#outputGradient} has them. */
  List<FloatBuffer> gradients();
}
