package io.resfuse.engine.cuda.internal.program;

import org.jspecify.annotations.Nullable;

/**
 * Where buffers are, for who makes the arguments of a step. A step uses what it asks for here, and
 * nothing else: it is asked once when it is added to a program, which notes the buffers, and again
 * when they have addresses. So it must ask for the same both times, whatever it is told.
 */
public interface Addresses {
  /** The address of a buffer; 0 for none. */
  long of(@Nullable Buffer buffer);

  /** Whether gradients of parameters are added to those that are there. */
  boolean accumulate();

  /** 1 if gradients of parameters are added to those that are there. */
  default int accumulates() {
    return accumulate() ? 1 : 0;
  }
}
