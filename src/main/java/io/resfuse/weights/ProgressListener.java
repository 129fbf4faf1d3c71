package io.resfuse.weights;

/** Is told how far long work has got. Called from one thread at a time, a few times a second. */
@FunctionalInterface
public interface ProgressListener {
  /** Ignores everything. */
  ProgressListener NONE = (step, done, total) -> {};

  /**
   * Some work is done.
   *
   * @param step what is being done, for example {@code downloading}
   * @param bytesDone so far in this step
   * @param bytesTotal of this step, as far as is known; the last call of a step has done = total
   */
  void progress(String step, long bytesDone, long bytesTotal);
}
