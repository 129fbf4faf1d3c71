package io.resfuse.train;

/**
 * Dynamic loss scaling for fp16 (Micikevicius et al. 2018, section 3.2), with the numbers of
 * PyTorch's {@code GradScaler}: begins at 65536, doubles after 2000 steps with finite gradients,
 * halves and skips the step after others. Where it is off, the scale is 1. Not thread-safe.
 */
final class LossScaler {
  private static final double FIRST = 65536;
  private static final int GROW_AFTER = 2000;

  /** Below this, the gradients are not finite for another reason. */
  private static final double LEAST = 0x1p-14;

  private final boolean on;
  private double scale;
  private int goodSteps;

  LossScaler(boolean on) {
    this.on = on;
    this.scale = on ? FIRST : 1;
  }

  boolean isOn() {
    return on;
  }

  /** What the loss's gradient is multiplied by. */
  double scale() {
    return scale;
  }

  int goodSteps() {
    return goodSteps;
  }

  void restore(double newScale, int newGoodSteps) {
    scale = newScale;
    goodSteps = newGoodSteps;
  }

  /**
   * Notes how a step went.
   *
   * @return whether the step may be made
   * @throws TrainingException if no scale helps
   */
  boolean accept(boolean finite) {
    if (!on) {
      return true;
    }
    if (!finite) {
      scale /= 2;
      goodSteps = 0;
      if (scale < LEAST) {
        throw new TrainingException(
            "the gradients are not finite whatever the loss scale; lower the learning rate, clip"
                + " the gradients, or train in bf16 or fp32");
      }
      return false;
    }
    goodSteps++;
    if (goodSteps == GROW_AFTER) {
      scale *= 2;
      goodSteps = 0;
    }
    return true;
  }
}
