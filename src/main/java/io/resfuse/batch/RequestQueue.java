package io.resfuse.batch;

import io.resfuse.batch.RequestRejectedException.Reason;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import jdk.jfr.FlightRecorder;
import org.jspecify.annotations.Nullable;

/**
 * The requests that wait, and when which device takes how many of them. Requests stay here until a
 * batch is formed, so that the most urgent are in it. Thread-safe.
 */
final class RequestQueue {
  private final BatchOptions options;
  private final List<Device> devices;
  private final ReentrantLock lock = new ReentrantLock();

  /** Something that lanes wait for may have happened. */
  private final Condition forLanes = lock.newCondition();

  /** The first deadline is another one. */
  private final Condition forDeadlines = lock.newCondition();

  private final RequestList[] levels;
  private final RequestList late = new RequestList();
  private final TreeSet<Request> deadlines = new TreeSet<>(RequestQueue::compareDeadlines);
  private int waiting;
  private int lanesWaiting;
  private long numbers;
  private boolean closed;

  RequestQueue(BatchOptions options, List<Device> devices) {
    this.options = options;
    this.devices = devices;
    this.levels = new RequestList[options.priorities()];
    for (int i = 0; i < levels.length; i++) {
      levels[i] = new RequestList();
    }
  }

  private static int compareDeadlines(Request a, Request b) {
    long difference = a.untilDeadline(0) - b.untilDeadline(0);
    return difference != 0 ? Long.signum(difference) : Long.compare(a.number, b.number);
  }

  /**
   * Adds a request.
   *
   * @return why it was not added, or null
   */
  @Nullable RequestRejectedException add(Request request) {
    lock.lock();
    try {
      if (closed) {
        return new RequestRejectedException(Reason.CLOSED, "the batcher is closed");
      }
      if (waiting == options.queueSize()) {
        return new RequestRejectedException(
            Reason.QUEUE_FULL, "the queue is full: " + waiting + " requests wait; try again later");
      }
      request.number = numbers++;
      levels[request.priority()].add(request);
      waiting++;
      if (request.hasDeadline()) {
        deadlines.add(request);
        if (deadlines.first() == request) {
          forDeadlines.signal();
        }
      }
      if (lanesWaiting > 0 && (waiting == 1 || waiting >= options.largest())) {
        forLanes.signalAll();
      }
      return null;
    } finally {
      lock.unlock();
    }
  }

  /** Takes a request out, if it waits. */
  void remove(Request request) {
    lock.lock();
    try {
      unlink(request);
    } finally {
      lock.unlock();
    }
  }

  private void unlink(Request request) {
    RequestList list = request.list;
    if (list == null) {
      return;
    }
    list.remove(request);
    if (request.hasDeadline()) {
      deadlines.remove(request);
    }
    waiting--;
    if (closed && waiting == 0) {
      forDeadlines.signalAll();
      forLanes.signalAll();
    }
  }

  /**
   * Waits for a batch: until the largest is full, or until the device is free and somebody has
   * waited as long as may be. A device that has less to do goes first.
   *
   * @param device whose lane asks
   * @param batch takes the requests, the most urgent first
   * @return how many; 0 if there will be no more
   */
  int take(Device device, Request[] batch) {
    lock.lock();
    device.waiting++;
    lanesWaiting++;
    try {
      while (waiting > 0 || !closed) {
        long patience = patience(device);
        if (patience <= 0) {
          return take(device.sizes().best(waiting), device, batch);
        }
        if (patience == Long.MAX_VALUE) {
          forLanes.awaitUninterruptibly();
        } else {
          awaitNanos(forLanes, patience);
        }
      }
      return 0;
    } finally {
      device.waiting--;
      lanesWaiting--;
      lock.unlock();
    }
  }

  @SuppressWarnings("WaitNotInLoop") // The callers have the loops.
  private static void awaitNanos(Condition condition, long nanos) {
    try {
      condition.awaitNanos(nanos);
    } catch (InterruptedException e) {
      // The batcher's own threads: who wants them to end closes the batcher.
    }
  }

  /** How long a lane of a device has to wait at least; less than 1 if it may take a batch now. */
  private long patience(Device device) {
    if (waiting == 0 || devices.stream().anyMatch(other -> other.isBefore(device))) {
      return Long.MAX_VALUE;
    }
    if (waiting >= options.largest()) {
      return 0;
    }
    if (!device.isFree()) {
      return Long.MAX_VALUE;
    }
    return closed ? 0 : options.maxQueueDelay().toNanos() - (System.nanoTime() - oldest());
  }

  /** When the first of those that wait was submitted. */
  private long oldest() {
    Request oldest = late.first();
    for (RequestList level : levels) {
      Request first = level.first();
      if (first != null && (oldest == null || first.submitted() - oldest.submitted() < 0)) {
        oldest = first;
      }
    }
    if (oldest == null) {
      throw new IllegalStateException("nobody waits");
    }
    return oldest.submitted();
  }

  private int take(int most, Device device, Request[] batch) {
    if (options.deadlinePolicy() == DeadlinePolicy.DELAY) {
      // Those that are late now go behind the others, though the thread that waits for it may not
      // have woken yet.
      unlinkLate(new ArrayList<>());
    }
    long longestWait = System.nanoTime() - oldest();
    int count = 0;
    while (count < most && waiting > 0) {
      Request request = mostUrgent();
      unlink(request);
      batch[count++] = request;
    }
    if (FlightRecorder.isInitialized()) {
      QueueEvent.record(count, waiting, longestWait);
    }
    device.taken++;
    if (waiting > 0) {
      forLanes.signalAll();
    }
    return count;
  }

  private Request mostUrgent() {
    for (RequestList level : levels) {
      Request first = level.first();
      if (first != null) {
        return first;
      }
    }
    Request first = late.first();
    if (first == null) {
      throw new IllegalStateException("nobody waits");
    }
    return first;
  }

  /** A batch that was taken has run. */
  void hasRun(Device device) {
    lock.lock();
    try {
      device.taken--;
      forLanes.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Waits until requests are late, and takes them out of the queue or puts them behind. */
  List<Request> awaitLate() {
    List<Request> rejected = new ArrayList<>();
    lock.lock();
    try {
      while (rejected.isEmpty() && (waiting > 0 || !closed)) {
        if (deadlines.isEmpty()) {
          forDeadlines.awaitUninterruptibly();
          continue;
        }
        Request first = deadlines.first();
        long left = first.untilDeadline(System.nanoTime());
        if (left > 0) {
          awaitNanos(forDeadlines, left);
          continue;
        }
        unlinkLate(rejected);
      }
      return rejected;
    } finally {
      lock.unlock();
    }
  }

  private void unlinkLate(List<Request> rejected) {
    long now = System.nanoTime();
    while (!deadlines.isEmpty() && deadlines.first().isLate(now)) {
      Request request = deadlines.first();
      if (options.deadlinePolicy() == DeadlinePolicy.REJECT) {
        unlink(request);
        rejected.add(request);
      } else {
        deadlines.remove(request);
        RequestList list = request.list;
        if (list != null) {
          list.remove(request);
          late.add(request);
        }
      }
    }
  }

  /** Refuses further requests. Those that wait will run at once. */
  void close() {
    lock.lock();
    try {
      closed = true;
      forLanes.signalAll();
      forDeadlines.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Takes out all that wait. */
  List<Request> drop() {
    List<Request> dropped = new ArrayList<>();
    lock.lock();
    try {
      while (waiting > 0) {
        Request request = mostUrgent();
        unlink(request);
        dropped.add(request);
      }
      return dropped;
    } finally {
      lock.unlock();
    }
  }

  int waiting() {
    lock.lock();
    try {
      return waiting;
    } finally {
      lock.unlock();
    }
  }
}
