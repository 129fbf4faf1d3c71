package io.resfuse.server.protocol;

import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What parameters of requests, inputs and outputs mean: the same in every protocol. */
public final class Parameters {
  /** How many a request, an input or an output may have. */
  public static final int MOST = 64;

  private Parameters() {}

  /**
   * Refuses too many.
   *
   * @param count how many there are
   * @throws ServiceException if they are more than {@link #MOST}
   */
  public static void checkCount(int count) {
    if (count > MOST) {
      throw ServiceException.invalid(
          "there are at most %d parameters in one place".formatted(MOST));
    }
  }

  /**
   * A truth value.
   *
   * @param parameters by name
   * @param name of one
   * @return false if it is not there
   */
  public static boolean flag(Map<String, Object> parameters, String name) {
    Object value = parameters.getOrDefault(name, false);
    if (value instanceof Boolean flag) {
      return flag;
    }
    throw ServiceException.invalid("parameter %s is true or false, got %s".formatted(name, value));
  }

  /**
   * A number of things.
   *
   * @param parameters by name
   * @param name of one
   * @return 0 if it is not there
   */
  public static int count(Map<String, Object> parameters, String name) {
    return (int) number(parameters, name, Integer.MAX_VALUE);
  }

  private static long number(Map<String, Object> parameters, String name, long most) {
    Object value = parameters.getOrDefault(name, 0L);
    if (value instanceof Long number && number >= 0 && number <= most) {
      return number;
    }
    throw ServiceException.invalid(
        "parameter %s is a whole number, 0 to %d, got %s".formatted(name, most, value));
  }

  /**
   * The priority of a request, as Triton's schedule policy has it.
   *
   * @param parameters of the request
   * @return 1 for the most urgent, 0 if it has none
   */
  public static long priority(Map<String, Object> parameters) {
    return number(parameters, "priority", Integer.MAX_VALUE);
  }

  /**
   * The timeout of a request, as Triton's schedule policy has it: in microseconds.
   *
   * @param parameters of the request
   * @return null if it has none
   */
  public static @Nullable Duration timeout(Map<String, Object> parameters) {
    long micros = number(parameters, "timeout", Long.MAX_VALUE / 1000);
    return micros == 0 ? null : Duration.ofNanos(1000 * micros);
  }
}
