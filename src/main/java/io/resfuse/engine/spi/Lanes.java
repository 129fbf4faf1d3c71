package io.resfuse.engine.spi;

import io.resfuse.platform.Failures;
import org.jspecify.annotations.Nullable;

/**
 * Threads that do one thing for each device at the same time. The calling thread is that of the
 * first device; where there is one device, there is no other. One caller at a time; running
 * allocates nothing.
 */
final class Lanes implements AutoCloseable {
  /** What is done for a device. */
  @FunctionalInterface
  interface Work {
    /**
     * Does it.
     *
     * @param lane number of the device, from 0
     */
    void run(int lane);
  }

  private final Thread[] threads;
  private final @Nullable Throwable[] failures;
  private @Nullable Work work;
  private int round;
  private int running;
  private boolean closed;

  /**
   * Starts the threads, which keep no process alive.
   *
   * @param count of devices
   * @param name of the threads, before their number
   */
  Lanes(int count, String name) {
    failures = new Throwable[count];
    threads = new Thread[count - 1];
    for (int i = 0; i < threads.length; i++) {
      int lane = i + 1;
      threads[i] = new Thread(() -> serve(lane), name + "-" + lane);
      threads[i].setDaemon(true);
      threads[i].start();
    }
  }

  /**
   * Does something for all devices, and returns when it is done for all.
   *
   * @param body what
   * @throws RuntimeException what it threw for the first device for which it failed
   */
  void run(Work body) {
    if (threads.length == 0) {
      body.run(0);
      return;
    }
    begin(body);
    runLane(body, 0);
    await();
    rethrow();
  }

  private synchronized void begin(Work body) {
    work = body;
    running = threads.length;
    round++;
    notifyAll();
  }

  private void runLane(Work body, int lane) {
    try {
      failures[lane] = null;
      body.run(lane);
    } catch (RuntimeException | Error e) {
      failures[lane] = e;
    }
  }

  /** An interruption does not end what devices do: the thread has it again afterwards. */
  private synchronized void await() {
    boolean interrupted = false;
    while (running > 0) {
      try {
        wait();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    work = null;
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void rethrow() {
    for (@Nullable Throwable failure : failures) {
      Failures.rethrow(failure);
    }
  }

  private void serve(int lane) {
    int done = 0;
    while (true) {
      Work body = next(done);
      if (body == null) {
        return;
      }
      done++;
      runLane(body, lane);
      end();
    }
  }

  /** Waits for the round after a number of them; null at the end. */
  private synchronized @Nullable Work next(int done) {
    while (!closed && round == done) {
      try {
        wait();
      } catch (InterruptedException e) {
        // Nobody but close() ends these threads.
      }
    }
    return closed ? null : work;
  }

  private synchronized void end() {
    running--;
    notifyAll();
  }

  /** Ends the threads. Idempotent. */
  @Override
  public synchronized void close() {
    closed = true;
    notifyAll();
  }
}
