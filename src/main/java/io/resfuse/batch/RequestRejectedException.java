package io.resfuse.batch;

import java.util.concurrent.RejectedExecutionException;

/** A request was not computed. Its message says why in one line. */
public final class RequestRejectedException extends RejectedExecutionException {
  private static final long serialVersionUID = 1;

  /** Why a request was not computed. */
  public enum Reason {
    /** As many wait as may wait: try again later. */
    QUEUE_FULL,
    /** Its deadline passed before it ran. */
    DEADLINE,
    /** The batcher is closed. */
    CLOSED
  }

  /** Why, for programs. */
  private final Reason reason;

  RequestRejectedException(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  /**
   * Why, for programs.
   *
   * @return the reason
   */
  public Reason reason() {
    return reason;
  }
}
