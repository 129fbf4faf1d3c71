package io.resfuse.server.inference;

import io.resfuse.server.protocol.ServiceException;
import java.util.concurrent.atomic.AtomicInteger;

/** How many requests are being served, and how many may be. Thread-safe. */
public final class Work {
  private final int most;
  private final AtomicInteger now = new AtomicInteger();

  /**
   * Nothing yet.
   *
   * @param most requests at once
   */
  public Work(int most) {
    this.most = most;
  }

  /**
   * Takes a place, to be left by {@link #end}.
   *
   * @throws ServiceException if there is none
   */
  public void begin() {
    if (now.incrementAndGet() > most) {
      now.decrementAndGet();
      throw new ServiceException(
          ServiceException.Kind.OVERLOADED,
          "%d requests are being served, which is the limit; try again later".formatted(most));
    }
  }

  /** Leaves a place. */
  public void end() {
    now.decrementAndGet();
  }

  /**
   * How many there are.
   *
   * @return requests that are being served
   */
  public int count() {
    return now.get();
  }
}
