package io.resfuse.server.protocol;

import org.jspecify.annotations.Nullable;

/** A request is not answered. The message says why, in one line, for whoever sent it. */
public final class ServiceException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** Why, for protocols to translate. */
  public enum Kind {
    /** The request is wrong: sent again, it fails again. */
    INVALID,
    /** There is no such model or version. */
    NOT_FOUND,
    /** The server was started without what it takes to allow this. */
    FORBIDDEN,
    /** The sender took too long. */
    TOO_SLOW,
    /** The body is larger than allowed. */
    TOO_LARGE,
    /** As much is being done as may be done: try again later. */
    OVERLOADED,
    /** The model or the server takes no requests now. */
    UNAVAILABLE,
    /** The request's own deadline has passed. */
    DEADLINE,
    /** The server is at fault. */
    FAILED
  }

  /** Why. */
  private final Kind kind;

  /**
   * A failure.
   *
   * @param kind why
   * @param message one line
   */
  public ServiceException(Kind kind, String message) {
    this(kind, message, null);
  }

  /**
   * A failure with a cause.
   *
   * @param kind why
   * @param message one line
   * @param cause what lies behind it
   */
  public ServiceException(Kind kind, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.kind = kind;
  }

  /**
   * That a request is wrong.
   *
   * @param message one line
   * @return to be thrown
   */
  public static ServiceException invalid(String message) {
    return new ServiceException(Kind.INVALID, message);
  }

  /**
   * Why.
   *
   * @return the kind
   */
  public Kind kind() {
    return kind;
  }
}
