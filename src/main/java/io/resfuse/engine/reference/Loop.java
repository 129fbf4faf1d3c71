package io.resfuse.engine.reference;

import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/** A loop whose iterations are independent of each other and may run in any order. Thread-safe. */
final class Loop implements AutoCloseable {
  private static final AtomicInteger LIVE = new AtomicInteger();

  private final ForkJoinPool pool;

  Loop(int threads) {
    this.pool = new ForkJoinPool(threads);
    LIVE.incrementAndGet();
  }

  /** How many this process has that are not closed, for tests. */
  static int livePools() {
    return LIVE.get();
  }

  /** Runs {@code body} for 0 to {@code count - 1} on the pool's threads; returns when all ran. */
  void over(int count, IntConsumer body) {
    // A parallel stream runs in the pool from which it is started.
    pool.submit(() -> IntStream.range(0, count).parallel().forEach(body)).join();
  }

  @Override
  public void close() {
    pool.shutdown();
    LIVE.decrementAndGet();
  }
}
