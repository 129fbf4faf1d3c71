package io.resfuse.batch;

/**
 * Is told what a {@link Batcher} does, for counters and metrics. Called by the batcher's threads,
 * several at once, while requests wait: it must be thread-safe, quick, and throw nothing.
 */
public interface BatchListener {
  /** For nobody. */
  BatchListener NONE = new BatchListener() {};

  /**
   * A request left the queue for a batch.
   *
   * @param nanos since it was submitted
   */
  default void taken(long nanos) {}

  /**
   * A batch ran.
   *
   * @param requests whose images it had
   * @param images places of the plan, at least as many
   * @param preparationNanos in which images were decoded, normalised and copied
   * @param runNanos in which the plan ran
   */
  default void ran(int requests, int images, long preparationNanos, long runNanos) {}
}
