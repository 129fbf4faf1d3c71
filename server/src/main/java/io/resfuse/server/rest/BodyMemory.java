package io.resfuse.server.rest;

import io.resfuse.server.protocol.ServiceException;
import io.resfuse.server.protocol.ServiceException.Kind;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What the bodies of all requests may take together: slow senders of large bodies must not use up
 * the heap. Thread-safe.
 */
final class BodyMemory {
  private final long most;
  private final AtomicLong used = new AtomicLong();

  BodyMemory(long most) {
    this.most = most;
  }

  void take(long bytes) {
    if (used.addAndGet(bytes) > most) {
      used.addAndGet(-bytes);
      throw new ServiceException(
          Kind.OVERLOADED,
          "the bodies of all requests together may have %d MiB; try again later"
              .formatted(most >> 20));
    }
  }

  void free(long bytes) {
    used.addAndGet(-bytes);
  }

  long used() {
    return used.get();
  }
}
