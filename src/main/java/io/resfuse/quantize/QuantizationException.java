package io.resfuse.quantize;

/** Why a network cannot be quantised, in one line. */
public final class QuantizationException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * With a reason.
   *
   * @param message what was asked, what was found, what to do
   */
  public QuantizationException(String message) {
    super(message);
  }
}
