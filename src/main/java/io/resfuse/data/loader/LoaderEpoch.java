package io.resfuse.data.loader;

import io.resfuse.data.DataException;
import io.resfuse.data.dataset.DetectionDataset;
import io.resfuse.data.dataset.SegmentationDataset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The batches of one epoch, in order. For one consumer; {@link #close} ends the loader's threads,
 * whether or not all batches were taken.
 *
 * <pre>{@code
 * try (LoaderEpoch epoch = loader.epoch(3)) {
 *   while (epoch.hasNext()) {
 *     Batch batch = epoch.next();
 *     ...
 *   }
 * }
 * }</pre>
 */
public final class LoaderEpoch implements Iterator<Batch>, AutoCloseable {
  private static final int EMPTY = -1;

  private final Loader loader;
  private final int epoch;
  private final int end;
  private final List<Thread> threads = new ArrayList<>();

  /** The batch with index i is made in slot i % slots; guarded by this. */
  private final Batch[] slots;

  /** Which batch is ready in each slot; guarded by this. */
  private final int[] ready;

  /** The next batch that a thread takes on; guarded by this. */
  private int nextToMake;

  /** The next batch that the consumer gets; written by the consumer, guarded by this. */
  private int nextToGive;

  private boolean closed;
  private @Nullable Throwable failure;
  private int given;
  private long pictures;
  private final AtomicLong unreadable = new AtomicLong();
  private long waitedNanos;
  private long startNanos;
  private long endNanos;

  LoaderEpoch(Loader loader, int epoch, int firstBatch, boolean normalized) {
    this.loader = loader;
    this.epoch = epoch;
    this.end = loader.batchesPerEpoch();
    this.nextToMake = firstBatch;
    this.nextToGive = firstBatch;
    int count = Math.min(loader.prefetch, Math.max(end - firstBatch, 1));
    this.slots = new Batch[count];
    int targetClasses = loader.mixing.active() ? loader.dataset.classes().size() : 0;
    for (int i = 0; i < count; i++) {
      slots[i] =
          new Batch(
              loader.preprocessing,
              loader.places,
              loader.layout,
              normalized,
              targetClasses,
              loader.dataset instanceof SegmentationDataset,
              loader.dataset instanceof DetectionDataset);
    }
    this.ready = new int[count];
    Arrays.fill(ready, EMPTY);
    int[] order = loader.order(epoch);
    for (int i = 0; i < Math.min(loader.threads, end - firstBatch); i++) {
      Thread thread = new Thread(() -> work(order), "resfuse-loader-" + i);
      thread.setDaemon(true);
      threads.add(thread);
    }
    threads.forEach(Thread::start);
  }

  /** The number of the epoch. */
  int epoch() {
    return epoch;
  }

  private void work(int @Nullable [] order) {
    try {
      BatchMaker maker = new BatchMaker(loader, epoch, order, unreadable);
      for (int index = takeOn(); index < end; index = takeOn()) {
        maker.fill(slots[index % slots.length], index);
        deliver(index);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // closed
    } catch (Throwable e) {
      fail(e);
    }
  }

  /** Waits until the slot of the next batch is free: that of the batch before the consumer's. */
  private synchronized int takeOn() throws InterruptedException {
    int index = nextToMake++;
    while (!closed && failure == null && index < end && index >= nextToGive - 1 + slots.length) {
      wait();
    }
    if (closed || failure != null) {
      return end;
    }
    return index;
  }

  private synchronized void deliver(int index) {
    ready[index % slots.length] = index;
    notifyAll();
  }

  private synchronized void fail(Throwable e) {
    if (failure == null) {
      failure = e;
    }
    notifyAll();
  }

  @Override
  public boolean hasNext() {
    return nextToGive < end;
  }

  /**
   * The next batch; waits for it if it is not ready.
   *
   * @return valid until the next call
   * @throws NoSuchElementException if there are no more, or this is closed
   * @throws DataException if the data cannot be loaded
   */
  @Override
  public synchronized Batch next() {
    if (closed || !hasNext()) {
      throw new NoSuchElementException(closed ? "the epoch is closed" : "the epoch is over");
    }
    long start = System.nanoTime();
    if (given == 0) {
      startNanos = start;
    }
    int index = nextToGive++;
    notifyAll(); // the batch before is free
    int slot = index % slots.length;
    try {
      while (ready[slot] != index && failure == null) {
        wait();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DataException("interrupted while waiting for data", e);
    }
    if (failure != null) {
      throw failed(failure);
    }
    ready[slot] = EMPTY;
    waitedNanos += System.nanoTime() - start;
    given++;
    pictures += slots[slot].count();
    return slots[slot];
  }

  private static RuntimeException failed(Throwable cause) {
    if (cause instanceof DataException) {
      return new DataException(cause.getMessage(), cause);
    }
    return new DataException("loading data failed: " + cause, cause);
  }

  /**
   * How it went so far. The unreadable pictures are complete once all batches were taken and this
   * is closed.
   *
   * @return the numbers
   */
  public synchronized LoaderStatistics statistics() {
    long until = closed ? endNanos : System.nanoTime();
    long elapsed = given == 0 ? 0 : until - startNanos;
    return new LoaderStatistics(given, pictures, unreadable.get(), waitedNanos, elapsed);
  }

  /** Ends the threads and waits for them. Idempotent. */
  @Override
  public void close() {
    synchronized (this) {
      if (!closed) {
        endNanos = System.nanoTime();
      }
      closed = true;
      notifyAll();
    }
    boolean interrupted = false;
    for (Thread thread : threads) {
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
