package io.resfuse.data.image;

import io.resfuse.data.DataException;
import org.jspecify.annotations.Nullable;

/** A picture cannot be read. The first line says which, what was found and what to do. */
public final class ImageException extends DataException {
  /**
   * A failure.
   *
   * @param message which picture, what was found, what to do
   */
  public ImageException(String message) {
    super(message);
  }

  /**
   * A failure with its cause.
   *
   * @param message which picture, what was found, what to do
   * @param cause what went wrong below
   */
  public ImageException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
