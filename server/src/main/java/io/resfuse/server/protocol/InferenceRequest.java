package io.resfuse.server.protocol;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A request to run a model, of whatever protocol.
 *
 * @param model its name
 * @param version empty for the newest
 * @param id the sender's, for the answer; empty for none
 * @param inputs images
 * @param outputs what is asked for; none for all
 * @param allBinary whether outputs that are not named are wanted as bytes
 * @param priority from 1, the most urgent, on; 0 for the model's usual one
 * @param timeout until when the answer is of use; null for ever
 */
public record InferenceRequest(
    String model,
    String version,
    String id,
    List<InputTensor> inputs,
    List<RequestedOutput> outputs,
    boolean allBinary,
    long priority,
    @Nullable Duration timeout) {
  /** How many inputs, and how many outputs, protocols read at most. */
  public static final int MOST_TENSORS = 64;

  /**
   * Refuses too many.
   *
   * @param count how many there are
   * @param what they are
   * @throws ServiceException if they are more than {@link #MOST_TENSORS}
   */
  public static void checkCount(int count, String what) {
    if (count > MOST_TENSORS) {
      throw ServiceException.invalid(
          "a request has at most %d %s here".formatted(MOST_TENSORS, what));
    }
  }
}
