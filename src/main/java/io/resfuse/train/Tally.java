package io.resfuse.train;

import io.resfuse.engine.Communicator;
import java.nio.FloatBuffer;

/** Counts what becomes of pictures in an evaluation. Not thread-safe. */
interface Tally {
  /**
   * Adds a batch.
   *
   * @param logits what the network made of it
   * @param batches a stream that stands on it
   */
  void add(FloatBuffer logits, BatchStream batches);

  /**
   * What all processes have counted. The mistakes are this process's.
   *
   * @param unreadable pictures that this process could not read
   * @param seconds that it took
   * @param processes that have other batches, in the order of their numbers
   */
  Evaluation result(long unreadable, double seconds, Communicator processes);
}
