package io.resfuse.server.protocol;

/**
 * An output that is asked for.
 *
 * @param name one of the model's
 * @param classes how many of the best classes are wanted in the place of numbers; 0 for the numbers
 * @param binary whether it is wanted as bytes
 */
public record RequestedOutput(String name, int classes, boolean binary) {
  /**
   * Checks the range.
   *
   * @param name as in the record
   * @param classes as in the record
   * @param binary as in the record
   */
  public RequestedOutput {
    if (classes < 0) {
      throw ServiceException.invalid(
          "output '%s': classification is a number of classes, got %d".formatted(name, classes));
    }
  }
}
