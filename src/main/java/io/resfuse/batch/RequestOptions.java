package io.resfuse.batch;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How one request is treated.
 *
 * @param priority 0 is served first; less than {@link BatchOptions#priorities}
 * @param timeout from its submission to its deadline; null for none
 */
public record RequestOptions(int priority, @Nullable Duration timeout) {
  /** Priority 0 without a deadline. */
  public static final RequestOptions DEFAULT = new RequestOptions(0, null);

  /**
   * Checks the range.
   *
   * @param priority as in the record
   * @param timeout as in the record
   */
  public RequestOptions {
    if (priority < 0) {
      throw new IllegalArgumentException("a priority is 0 or more, got " + priority);
    }
    if (timeout != null && timeout.isNegative()) {
      throw new IllegalArgumentException("a timeout is 0 or more, got " + timeout);
    }
  }

  /**
   * The same with another priority.
   *
   * @param other as in the record
   * @return new options
   */
  public RequestOptions withPriority(int other) {
    return new RequestOptions(other, timeout);
  }

  /**
   * The same with a deadline.
   *
   * @param other from submission on
   * @return new options
   */
  public RequestOptions withTimeout(Duration other) {
    return new RequestOptions(priority, other);
  }
}
