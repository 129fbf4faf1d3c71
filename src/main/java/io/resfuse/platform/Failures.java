package io.resfuse.platform;

import org.jspecify.annotations.Nullable;

/** What was thrown in one thread, and is thrown again in another. Stateless. */
public final class Failures {
  private Failures() {}

  /**
   * Throws it again.
   *
   * @param failure a RuntimeException or an Error; null if nothing was thrown
   */
  public static void rethrow(@Nullable Throwable failure) {
    if (failure instanceof Error error) {
      throw error;
    }
    if (failure != null) {
      throw (RuntimeException) failure;
    }
  }
}
