package io.resfuse.batch;

import org.jspecify.annotations.Nullable;

/** Requests in the order in which they were added; each is in one list. Not thread-safe. */
final class RequestList {
  private @Nullable Request first;
  private @Nullable Request last;

  @Nullable Request first() {
    return first;
  }

  void add(Request request) {
    request.list = this;
    request.previous = last;
    request.next = null;
    if (last == null) {
      first = request;
    } else {
      last.next = request;
    }
    last = request;
  }

  void remove(Request request) {
    Request previous = request.previous;
    Request next = request.next;
    if (previous == null) {
      first = next;
    } else {
      previous.next = next;
    }
    if (next == null) {
      last = previous;
    } else {
      next.previous = previous;
    }
    request.list = null;
    request.previous = null;
    request.next = null;
  }
}
