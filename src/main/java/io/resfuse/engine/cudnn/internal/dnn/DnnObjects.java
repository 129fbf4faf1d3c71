package io.resfuse.engine.cudnn.internal.dnn;

import java.util.ArrayDeque;
import java.util.Deque;

/** Objects of cuDNN that are destroyed together, the last first. Not thread-safe. */
final class DnnObjects implements AutoCloseable {
  private final Deque<DnnObject<?>> all = new ArrayDeque<>();

  /** Takes one over. */
  <T extends DnnObject<?>> T own(T object) {
    all.push(object);
    return object;
  }

  /** Destroys them. Idempotent. */
  @Override
  public void close() {
    while (!all.isEmpty()) {
      all.pop().close();
    }
  }
}
