package io.resfuse.engine.onednn;

import io.resfuse.platform.Settings;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Watches whether this process's threads get the CPUs that they want, and tells OpenMP how to wait.
 *
 * <p>A thread of OpenMP that has done its part of a primitive spins for some milliseconds until the
 * others have done theirs. Alone that is fastest. Beside a process that wants the same CPU it takes
 * the CPU from the very thread that it waits for; there the threads should sleep. Linux counts for
 * each thread how long it was ready but had no CPU: beside a neighbour that is half of the time or
 * more, alone a few percent at most.
 *
 * <p>Thread-safe. The thread that watches is a daemon; it parks when no plan has run for a while.
 */
final class Neighbours {
  private static final long PERIOD_NANOS = 100_000_000;

  /** So many periods beside a neighbour, in succession, are no accident. */
  private static final int BUSY_PERIODS = 2;

  /** After so many periods without a neighbour threads spin again. */
  private static final int QUIET_PERIODS = 5;

  /** A period in which threads wanted fewer CPUs than this says nothing. */
  private static final double LEAST_WANTED = 0.1;

  /** A training step may take many seconds. */
  private static final long IDLE_NANOS = 60_000_000_000L;

  /** To look at a thread takes some 10 us of a CPU: this is half a percent at most. */
  private static final long PERIOD_NANOS_PER_THREAD = 2_000_000;

  /**
   * CPUs missed while all threads want one, of which less is noise: measured with two threads on
   * two CPUs, alone 0.03 to 0.12, beside one and two busy processes 0.7 to 1.
   */
  private static final double LEAST_MISSED = 0.2;

  private static final double LEAST_MISSED_PER_THREAD = 0.03;

  private final Scheduler scheduler;
  private final Waiting waiting;
  private final Thread watcher;
  private volatile int threads;
  private volatile long lastUse;
  private volatile boolean idle = true;

  /** Knows how long threads ran and how long they had to wait for a CPU. */
  interface Scheduler {
    /** The sums over all threads of this process. */
    Times times();
  }

  /**
   * Sums over threads.
   *
   * @param ran nanoseconds on a CPU
   * @param missed nanoseconds of waiting for one
   * @param threads how many
   */
  record Times(long ran, long missed, int threads) {
    Times since(Times before) {
      return new Times(ran - before.ran, missed - before.missed, threads);
    }

    /** How long they wanted a CPU. */
    long wanted() {
      return ran + missed;
    }
  }

  /** How OpenMP's threads wait. */
  interface Waiting {
    /** Threads spin, as they do at first. */
    void spin();

    /**
     * Threads sleep.
     *
     * @param threads of a parallel region
     */
    void sleep(int threads);
  }

  /**
   * Watches from the first {@link #expect} on.
   *
   * @param scheduler asked by the thread that watches
   * @param waiting called by the thread that watches
   */
  Neighbours(Scheduler scheduler, Waiting waiting) {
    this.scheduler = scheduler;
    this.waiting = waiting;
    this.watcher = new Thread(this::watch, "resfuse-neighbours");
    watcher.setDaemon(true);
    watcher.start();
  }

  /**
   * Watches where the user has not said how threads shall wait, and system and OpenMP runtime have
   * what it takes.
   *
   * @return null if nothing is watched
   */
  static @Nullable Neighbours open() {
    GompWaiting waiting =
        isOurs(Settings.environment()) && RunDelays.areCounted() ? GompWaiting.find() : null;
    return waiting == null ? null : new Neighbours(new RunDelays(), waiting);
  }

  /**
   * Whether the user has left it to us how threads wait.
   *
   * @param environment of the process
   */
  static boolean isOurs(Map<String, String> environment) {
    return !environment.containsKey("OMP_WAIT_POLICY")
        && !environment.containsKey("GOMP_SPINCOUNT");
  }

  /**
   * Says that parallel regions will run now. Takes some tens of nanoseconds.
   *
   * @param count their threads, at least 2
   */
  void expect(int count) {
    threads = count;
    lastUse = System.nanoTime();
    if (idle) {
      idle = false;
      LockSupport.unpark(watcher);
    }
  }

  /**
   * Whether someone else wants the CPUs.
   *
   * @param times of a period
   * @param threads of parallel regions
   */
  static boolean areBusy(Times times, int threads) {
    double missed = (double) times.missed() * threads / times.wanted();
    return missed > LEAST_MISSED + LEAST_MISSED_PER_THREAD * threads;
  }

  private void watch() {
    while (true) {
      while (idle) {
        LockSupport.park(this);
      }
      watchWhileUsed();
      idle = true;
    }
  }

  /** Returns when no plan has run for a while; threads spin then as they did before. */
  private void watchWhileUsed() {
    boolean sleeping = false;
    // Periods in succession that speak for the other way of waiting.
    int others = 0;
    long period = PERIOD_NANOS;
    long begin = System.nanoTime();
    Times before = scheduler.times();
    while (begin - lastUse < IDLE_NANOS) {
      LockSupport.parkNanos(this, period);
      long now = System.nanoTime();
      if (now - begin < period) {
        continue;
      }
      Times after = scheduler.times();
      Times times = after.since(before);
      int count = threads;
      if (times.wanted() > LEAST_WANTED * (now - begin)) {
        others = areBusy(times, count) == sleeping ? 0 : others + 1;
      }
      if (!sleeping && others >= BUSY_PERIODS) {
        waiting.sleep(count);
        sleeping = true;
        others = 0;
      } else if (sleeping && others >= QUIET_PERIODS) {
        waiting.spin();
        sleeping = false;
        others = 0;
      }
      period = Math.max(PERIOD_NANOS, PERIOD_NANOS_PER_THREAD * after.threads());
      begin = now;
      before = after;
    }
    if (sleeping) {
      waiting.spin();
    }
  }
}
