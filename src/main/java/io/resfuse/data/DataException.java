package io.resfuse.data;

import org.jspecify.annotations.Nullable;

/**
 * A data set, or a file of one, cannot be used. The first line says which file, what was found and
 * what to do.
 */
public class DataException extends RuntimeException {
  /**
   * A failure.
   *
   * @param message which file, what was found, what to do
   */
  public DataException(String message) {
    super(message);
  }

  /**
   * A failure with its cause.
   *
   * @param message which file, what was found, what to do
   * @param cause what went wrong below
   */
  public DataException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
