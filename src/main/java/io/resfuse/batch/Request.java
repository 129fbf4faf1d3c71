package io.resfuse.batch;

import io.resfuse.tensor.HostTensor;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The future of one image. Whoever completes it, the batcher or its owner, takes it out of the
 * queue.
 */
final class Request extends CompletableFuture<Map<String, HostTensor>> {
  /** No deadline. */
  static final long NEVER = Long.MAX_VALUE;

  /** Until this is done. */
  private volatile @Nullable Sample sample;

  private final int priority;
  private final long submitted;
  private final long deadline;
  private final Consumer<Request> onDone;

  /** The list of the queue that it is in; guarded by the queue, as its neighbours are. */
  @Nullable RequestList list;

  @Nullable Request previous;
  @Nullable Request next;

  /** Its number among those that were queued; guarded by the queue. */
  long number;

  /** What it will be completed with, a map or a Throwable, once those before it are done. */
  volatile @Nullable Object outcome;

  /**
   * A request.
   *
   * @param sample the image
   * @param priority 0 is served first
   * @param submitted by {@link System#nanoTime}
   * @param deadline nanoseconds after the submission, or {@link #NEVER}
   * @param onDone called when this is done; once, but for repeated cancellations
   */
  Request(Sample sample, int priority, long submitted, long deadline, Consumer<Request> onDone) {
    this.sample = sample;
    this.priority = priority;
    this.submitted = submitted;
    this.deadline = deadline;
    this.onDone = onDone;
  }

  /** The image; null once this is done. */
  @Nullable Sample sample() {
    return sample;
  }

  /** Whether it is done, or will be without being computed. */
  boolean isSettled() {
    return outcome != null || isDone();
  }

  int priority() {
    return priority;
  }

  long submitted() {
    return submitted;
  }

  boolean hasDeadline() {
    return deadline != NEVER;
  }

  /** Nanoseconds from a time of {@link System#nanoTime} to the deadline, which it must have. */
  long untilDeadline(long now) {
    return deadline - (now - submitted);
  }

  boolean isLate(long now) {
    return hasDeadline() && untilDeadline(now) <= 0;
  }

  @Override
  public boolean complete(Map<String, HostTensor> value) {
    boolean done = super.complete(value);
    if (done) {
      end();
    }
    return done;
  }

  @Override
  public boolean completeExceptionally(Throwable failure) {
    boolean done = super.completeExceptionally(failure);
    if (done) {
      end();
    }
    return done;
  }

  @Override
  public boolean cancel(boolean mayInterruptIfRunning) {
    boolean cancelled = super.cancel(mayInterruptIfRunning);
    if (cancelled) {
      end();
    }
    return cancelled;
  }

  private void end() {
    sample = null;
    onDone.accept(this);
  }
}
