package io.resfuse.engine;

import org.jspecify.annotations.Nullable;

/**
 * An engine cannot do what it was asked. The first line says what was asked, found, and what to do.
 */
public final class EngineException extends RuntimeException {
  /**
   * A failure.
   *
   * @param message what was asked, what was found, what to do
   */
  public EngineException(String message) {
    super(message);
  }

  /**
   * A failure with its cause.
   *
   * @param message what was asked, what was found, what to do
   * @param cause what went wrong below
   */
  public EngineException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
