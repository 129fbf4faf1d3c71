package io.resfuse.train;

import org.jspecify.annotations.Nullable;

/**
 * A training cannot go on or begin. The first line says what was asked, what was found and what to
 * do.
 */
public final class TrainingException extends RuntimeException {
  /**
   * A failure.
   *
   * @param message what was asked, what was found, what to do
   */
  public TrainingException(String message) {
    super(message);
  }

  /**
   * A failure with its cause.
   *
   * @param message what was asked, what was found, what to do
   * @param cause what went wrong below
   */
  public TrainingException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
