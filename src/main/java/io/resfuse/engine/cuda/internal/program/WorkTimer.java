package io.resfuse.engine.cuda.internal.program;

import io.resfuse.engine.cuda.internal.driver.Stream;

/** Times on the device what a library can do in several ways. Thread-safe. */
public interface WorkTimer {
  /** What is timed. */
  interface Work {
    /**
     * Starts it. May be recorded in a graph.
     *
     * @param stream where
     * @param operands where its operands are on the device; 0 for one of no bytes
     */
    void start(Stream stream, long[] operands);
  }

  /**
   * Times work by the device's clock: the least of some rounds, each of it several times over,
   * after it has run once. Operands are zeros at first, in memory that is theirs meanwhile.
   *
   * @param bytes how much each operand takes
   * @param work on them
   * @return milliseconds
   * @throws io.resfuse.engine.EngineException if memory is short, or what the work throws
   */
  double milliseconds(long[] bytes, Work work);
}
