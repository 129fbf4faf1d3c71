package io.resfuse.engine.reference;

import io.resfuse.platform.Failures;
import io.resfuse.platform.Uninterrupted;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A loop whose iterations are independent of each other and may run in any order. Thread-safe; a
 * body may have a loop of its own.
 *
 * <p>Not a parallel stream in a {@link java.util.concurrent.ForkJoinPool}: those of JDK 17 before
 * 17.0.17 can stop to run tasks (JDK-8330017).
 */
final class Loop implements AutoCloseable {
  private static final AtomicInteger LIVE = new AtomicInteger();

  private final int threads;
  private final ExecutorService helpers;

  /**
   * Starts no thread yet.
   *
   * @param threads that a loop runs on, its caller's included
   */
  Loop(int threads) {
    this.threads = threads;
    AtomicInteger number = new AtomicInteger();
    this.helpers =
        Executors.newFixedThreadPool(
            Math.max(1, threads - 1),
            task -> {
              Thread thread = new Thread(task, "resfuse-reference-" + number.incrementAndGet());
              thread.setDaemon(true);
              return thread;
            });
    LIVE.incrementAndGet();
  }

  /** How many this process has that are not closed, for tests. */
  static int livePools() {
    return LIVE.get();
  }

  /**
   * Runs {@code body} for 0 to {@code count - 1}; returns when all ran.
   *
   * @throws RuntimeException what a body threw, the first; iterations that had not begun do not run
   */
  void over(int count, IntConsumer body) {
    Run run = new Run(count, body);
    for (int i = 1; i < Math.min(threads, count); i++) {
      helpers.execute(run::work);
    }
    run.work();
    run.await();
  }

  @Override
  public void close() {
    helpers.shutdown();
    LIVE.decrementAndGet();
  }

  /** One run of a loop. A thread that comes when all is taken has nothing to do. */
  private static final class Run {
    private final int count;
    private final IntConsumer body;
    private final AtomicInteger next = new AtomicInteger();
    private final CountDownLatch left;
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

    Run(int count, IntConsumer body) {
      this.count = count;
      this.body = body;
      this.left = new CountDownLatch(count);
    }

    void work() {
      for (int i = next.getAndIncrement(); i < count; i = next.getAndIncrement()) {
        try {
          if (failure.get() == null) {
            body.accept(i);
          }
        } catch (RuntimeException | Error e) {
          failure.compareAndSet(null, e);
        } finally {
          left.countDown();
        }
      }
    }

    void await() {
      Uninterrupted.await(left);
      Failures.rethrow(failure.get());
    }
  }
}
