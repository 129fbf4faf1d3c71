package io.resfuse.engine.cuda.internal.program;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Things to be closed together, the last first. A constructor that fails half-way closes what it
 * has acquired so far. Not thread-safe.
 */
public final class Resources implements AutoCloseable {
  private final Deque<Closing> all = new ArrayDeque<>();

  /** Something that is closed without checked exceptions. */
  public interface Closing {
    void close();
  }

  /** Takes something over. */
  public <T> T own(T resource, Closing closing) {
    all.push(closing);
    return resource;
  }

  /** Closes everything that is left, even if some of it fails. Idempotent. */
  @Override
  public void close() {
    RuntimeException failure = null;
    while (!all.isEmpty()) {
      try {
        all.pop().close();
      } catch (RuntimeException e) {
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
