package io.resfuse.batch;

import java.util.concurrent.Semaphore;
import java.util.function.IntSupplier;

/** What runs batches: how many at once, and how many its lanes hold. */
final class Device {
  private final int concurrency;
  private final PlanSizes sizes;
  private final Semaphore permits;

  /** Lanes that wait for requests; guarded by the queue. */
  int waiting;

  /** Batches that were taken and have not run to their end; guarded by the queue. */
  int taken;

  Device(int concurrency, PlanSizes sizes) {
    this.concurrency = concurrency;
    this.sizes = sizes;
    this.permits = new Semaphore(concurrency, true);
  }

  PlanSizes sizes() {
    return sizes;
  }

  /** Whether a batch could run now. */
  boolean isFree() {
    return taken < concurrency;
  }

  /** Whether it has less to do than another one, and somebody who would do it. */
  boolean isBefore(Device other) {
    return waiting > 0 && (long) taken * other.concurrency < (long) other.taken * concurrency;
  }

  /** Runs a batch when it is its turn. */
  int run(IntSupplier batch) {
    permits.acquireUninterruptibly();
    try {
      return batch.getAsInt();
    } finally {
      permits.release();
    }
  }
}
