package io.resfuse.bench;

import io.resfuse.engine.OperationTimer;
import java.util.Optional;

/** A competitor that is ready to do a task. One owner: not thread-safe. */
public interface Entry extends AutoCloseable {
  /**
   * Runs again and again until a time is over, at least once.
   *
   * @param nanos how long
   * @param latencies gets the duration of every iteration
   * @throws CompetitorException if it died of it; the others go on
   */
  void run(long nanos, Latencies latencies);

  /**
   * Runs once and gives the network's answer: in training that of the forward pass.
   *
   * @return in NCHW order
   * @throws CompetitorException if it died of it; the others go on
   */
  float[] answer();

  /**
   * What times single operations of what is run here. After that the next {@link #run} begins anew.
   *
   * @return empty if nothing does
   */
  default Optional<OperationTimer> timer() {
    return Optional.empty();
  }

  /** Frees it. */
  @Override
  void close();

  /**
   * The loop that every entry is timed by. Its own share is measured with an empty body.
   *
   * @param body what is timed
   * @param nanos how long
   * @param latencies gets the duration of every iteration
   */
  static void loop(Runnable body, long nanos, Latencies latencies) {
    long begin = System.nanoTime();
    long before = begin;
    do {
      body.run();
      long now = System.nanoTime();
      latencies.add(now - before);
      before = now;
    } while (before - begin < nanos);
  }
}
