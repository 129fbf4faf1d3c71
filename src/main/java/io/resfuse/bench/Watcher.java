package io.resfuse.bench;

/** Is told how far a benchmark is. */
public interface Watcher {
  /** Does not care. */
  Watcher NONE = (step, done, total) -> {};

  /**
   * Something has been done.
   *
   * @param step what is being done now
   * @param done how many of the steps are done
   * @param total how many there are
   */
  void progress(String step, int done, int total);
}
