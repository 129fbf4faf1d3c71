package io.resfuse.batch;

import io.resfuse.tensor.HostTensor;
import java.util.ArrayDeque;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Completes requests in the order in which they were accepted. Whatever depends on them runs
 * without a lock, on one thread at a time. Thread-safe.
 */
final class AnswerOrder {
  private final ArrayDeque<Request> pending = new ArrayDeque<>();
  private boolean draining;

  /** A request begins. */
  synchronized void add(Request request) {
    pending.add(request);
  }

  synchronized int size() {
    return pending.size();
  }

  /** Completes a request when all before it are done. */
  void complete(Request request, Object outcome) {
    if (request.outcome == null) {
      request.outcome = outcome;
    }
    drain();
  }

  /** Completes what may be completed: some request is done. */
  void drain() {
    for (Request request = begin(); request != null; request = next()) {
      Object outcome = request.outcome;
      if (outcome != null) {
        finish(request, outcome);
      }
    }
  }

  @SuppressWarnings("unchecked")
  static void finish(Request request, Object outcome) {
    if (outcome instanceof Throwable failure) {
      request.completeExceptionally(failure);
    } else {
      request.complete((Map<String, HostTensor>) outcome);
    }
  }

  private synchronized @Nullable Request begin() {
    return draining ? null : next();
  }

  private synchronized @Nullable Request next() {
    Request first = pending.peek();
    draining = first != null && (first.outcome != null || first.isDone());
    return draining ? pending.poll() : null;
  }
}
