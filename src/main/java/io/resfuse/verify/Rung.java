package io.resfuse.verify;

import java.util.Locale;

/** A step of the ladder of checks. */
public enum Rung {
  /** Small integers, inference and training without batch norm: tolerance zero. */
  EXACT,
  /** Random numbers, inference, against a bound on rounding. */
  INFERENCE,
  /** Zeros, subnormals, NaN and infinities, inference. */
  SPECIAL,
  /** Random numbers, training: outputs and loss. */
  FORWARD,
  /** The gradients of parameters and images, and the norm of those of parameters. */
  GRADIENTS,
  /** Running statistics after a step. */
  STATISTICS,
  /** Parameters, and moments of Adam, after two updates. */
  UPDATE,
  /** Outputs and the gradient of the images after the updates, in training and in evaluation. */
  NEXT,
  /** Losses and their gradients against labels, some of them ignored, and against distributions. */
  LOSS,
  /** The same bits when everything runs again. */
  RERUN;

  /** The name in lower case. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
