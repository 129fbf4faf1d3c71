package io.resfuse.bench;

import java.io.Serial;

/** A competitor cannot do a task after all, or died of it. The others go on. */
public final class CompetitorException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1;

  /**
   * Says why.
   *
   * @param message one line
   */
  public CompetitorException(String message) {
    super(message);
  }

  /**
   * Says why.
   *
   * @param message one line
   * @param cause what happened
   */
  public CompetitorException(String message, Throwable cause) {
    super(message, cause);
  }
}
