package io.resfuse.engine.onednn;

import io.resfuse.platform.Failures;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A few threads for loops in Java (optimizer, norms). A loop's items are taken in turn by the
 * calling thread and the others. One caller at a time; running a loop allocates nothing.
 */
final class Workers implements AutoCloseable {
  private final Thread[] threads;
  private final AtomicInteger next = new AtomicInteger();
  private final AtomicInteger busy = new AtomicInteger();
  private volatile @Nullable Loop loop;
  private volatile int items;
  private final AtomicInteger generation = new AtomicInteger();
  private volatile @Nullable Thread caller;
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private volatile boolean closed;

  /** The body of a loop. */
  interface Loop {
    /**
     * Does one item.
     *
     * @param item from 0
     * @param worker which thread does it, from 0; at most one item per worker at a time
     */
    void run(int item, int worker);
  }

  /**
   * Starts threads.
   *
   * @param count the caller's included
   */
  Workers(int count) {
    threads = new Thread[count - 1];
    for (int i = 0; i < threads.length; i++) {
      int worker = i + 1;
      threads[i] = new Thread(() -> serve(worker), "resfuse-onednn-" + worker);
      threads[i].setDaemon(true);
      threads[i].start();
    }
  }

  /** The number of threads, the caller's included. */
  int count() {
    return threads.length + 1;
  }

  /**
   * Runs a loop to its end.
   *
   * @throws RuntimeException what a body threw, the first; then not all items were done
   */
  void run(Loop body, int count) {
    loop = body;
    items = count;
    caller = Thread.currentThread();
    next.set(0);
    busy.set(threads.length);
    generation.incrementAndGet();
    for (Thread thread : threads) {
      LockSupport.unpark(thread);
    }
    work(body, 0);
    while (busy.get() > 0) {
      LockSupport.park(this);
    }
    Failures.rethrow(failure.getAndSet(null));
  }

  private void work(Loop body, int worker) {
    int count = items;
    try {
      for (int item = next.getAndIncrement(); item < count; item = next.getAndIncrement()) {
        body.run(item, worker);
      }
    } catch (RuntimeException | Error e) {
      // A thread that ended of it would be waited for without end.
      failure.compareAndSet(null, e);
    }
  }

  private void serve(int worker) {
    int seen = 0;
    while (!closed) {
      if (generation.get() == seen) {
        LockSupport.park(this);
        continue;
      }
      seen = generation.get();
      Loop body = loop;
      if (body != null) {
        work(body, worker);
      }
      if (busy.decrementAndGet() == 0) {
        LockSupport.unpark(caller);
      }
    }
  }

  @Override
  public void close() {
    closed = true;
    for (Thread thread : threads) {
      LockSupport.unpark(thread);
    }
  }
}
