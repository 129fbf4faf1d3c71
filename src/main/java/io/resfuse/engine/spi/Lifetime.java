package io.resfuse.engine.spi;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * How long something lives of which other things are made, an engine or a loaded network: until it
 * is closed and all that was made of it is closed, in any order. Closing it refuses new ones; what
 * is there goes on. Thread-safe.
 */
public final class Lifetime implements AutoCloseable {
  private final String name;
  private final Runnable free;
  private int users;
  private boolean closed;
  private boolean freed;

  /**
   * Begins.
   *
   * @param name for messages: {@code engine cuda}
   * @param free frees what is held; called once, by the thread that closes the last
   */
  public Lifetime(String name, Runnable free) {
    this.name = name;
    this.free = free;
  }

  /**
   * Makes something that keeps this alive.
   *
   * @param <T> what is made
   * @param maker makes it; given what is to be called when it is closed
   * @return what the maker made
   * @throws IllegalStateException if this is closed
   */
  public <T> T make(Function<Runnable, T> maker) {
    acquire();
    AtomicBoolean released = new AtomicBoolean();
    Runnable onClose =
        () -> {
          if (!released.getAndSet(true)) {
            release();
          }
        };
    boolean done = false;
    try {
      T made = maker.apply(onClose);
      done = true;
      return made;
    } finally {
      if (!done) {
        onClose.run();
      }
    }
  }

  /**
   * Does something for the length of which this lives.
   *
   * @param <T> what comes out
   * @param work what to do
   * @return what the work returned
   * @throws IllegalStateException if this is closed
   */
  public <T> T during(Supplier<T> work) {
    acquire();
    try {
      return work.get();
    } finally {
      release();
    }
  }

  private synchronized void acquire() {
    if (closed) {
      throw new IllegalStateException(name + " is closed");
    }
    users++;
  }

  private void release() {
    synchronized (this) {
      users--;
    }
    freeIfUnused();
  }

  /** Refuses new users; frees what is held once none is left. Idempotent. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
    }
    freeIfUnused();
  }

  private void freeIfUnused() {
    synchronized (this) {
      if (!closed || users > 0 || freed) {
        return;
      }
      freed = true;
    }
    free.run();
  }
}
