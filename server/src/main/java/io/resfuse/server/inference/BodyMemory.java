package io.resfuse.server.inference;

import io.resfuse.server.protocol.ServiceException;
import io.resfuse.server.protocol.ServiceException.Kind;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What the bodies of all requests may take together, whatever transport they come by: slow senders
 * of large bodies must not use up the heap. Thread-safe.
 */
public final class BodyMemory {
  private final long most;
  private final AtomicLong used = new AtomicLong();

  /**
   * Nothing yet.
   *
   * @param most bytes of all bodies that are being read or not answered yet
   */
  public BodyMemory(long most) {
    this.most = most;
  }

  /**
   * Takes memory, to be given back by {@link #free}.
   *
   * @param bytes of a body, or of a part of it
   * @throws ServiceException if that is more than there is
   */
  public void take(long bytes) {
    if (used.addAndGet(bytes) > most) {
      used.addAndGet(-bytes);
      throw new ServiceException(
          Kind.OVERLOADED,
          "the bodies of all requests together may have %d MiB; try again later"
              .formatted(most >> 20));
    }
  }

  /**
   * Gives memory back.
   *
   * @param bytes that were taken
   */
  public void free(long bytes) {
    used.addAndGet(-bytes);
  }

  /**
   * What is taken now.
   *
   * @return bytes
   */
  public long used() {
    return used.get();
  }
}
