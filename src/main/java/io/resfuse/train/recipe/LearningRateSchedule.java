package io.resfuse.train.recipe;

import java.util.List;

/**
 * The learning rate of each optimizer step: a function of the step's number alone, so that a
 * training resumes without any state of its schedule. Immutable and thread-safe.
 */
public sealed interface LearningRateSchedule {
  /**
   * The learning rate of a step.
   *
   * @param step from 0
   * @return at least 0
   */
  double at(long step);

  /**
   * Always the same.
   *
   * @param rate of every step
   */
  record Constant(double rate) implements LearningRateSchedule {
    @Override
    public double at(long step) {
      return rate;
    }
  }

  /**
   * Multiplied by a factor at each milestone (He et al. 2015, section 4.2: by 0.1 after half and
   * three quarters of the training).
   *
   * @param rate of the first steps
   * @param factor applied once per milestone that has been reached
   * @param milestones numbers of steps, in any order
   */
  record Steps(double rate, double factor, List<Long> milestones) implements LearningRateSchedule {
    /**
     * Copies the list.
     *
     * @param rate of the first steps
     * @param factor applied once per milestone that has been reached
     * @param milestones numbers of steps
     */
    public Steps {
      milestones = List.copyOf(milestones);
    }

    @Override
    public double at(long step) {
      double result = rate;
      for (long milestone : milestones) {
        if (step >= milestone) {
          result *= factor;
        }
      }
      return result;
    }
  }

  /**
   * Half a cosine from the first rate to the last (Loshchilov and Hutter 2017, equation 5, one
   * period without restarts).
   *
   * @param rate of the first step
   * @param last approached after the last step
   * @param steps of the whole curve, at least 1
   */
  record Cosine(double rate, double last, long steps) implements LearningRateSchedule {
    @Override
    public double at(long step) {
      return between(rate, last, (double) step / steps, true);
    }
  }

  /**
   * Up, then down to almost nothing (Smith and Topin 2018), as PyTorch's {@code OneCycleLR} with
   * two phases has it: from {@code peak / startDivisor} to {@code peak} at step {@code rise * steps
   * - 1}, then to {@code peak / startDivisor / endDivisor} at the last step. Where that is step 0,
   * it begins at the peak.
   *
   * @param peak the largest rate
   * @param steps of the whole cycle, at least 2
   * @param rise share of the steps in which the rate grows, above 0 and below 1
   * @param startDivisor peak by the first rate
   * @param endDivisor first rate by the last
   * @param cosine whether the two parts are half cosines rather than straight lines
   */
  record OneCycle(
      double peak, long steps, double rise, double startDivisor, double endDivisor, boolean cosine)
      implements LearningRateSchedule {
    @Override
    public double at(long step) {
      double first = peak / startDivisor;
      double top = rise * steps - 1;
      if (step <= top && top > 0) {
        return between(first, peak, step / top, cosine);
      }
      return between(peak, first / endDivisor, (step - top) / (steps - 1 - top), cosine);
    }
  }

  /**
   * A linear warm-up (Goyal et al. 2017, section 2.2) before another schedule, which begins at its
   * own step 0 after it.
   *
   * @param then what follows
   * @param steps of the warm-up
   * @param start share of the other schedule's first rate at which the warm-up begins, 0 to 1
   */
  record WarmUp(LearningRateSchedule then, long steps, double start)
      implements LearningRateSchedule {
    @Override
    public double at(long step) {
      return step < steps
          ? then.at(0) * (start + (1 - start) * step / steps)
          : then.at(step - steps);
    }
  }

  private static double between(double from, double to, double share, boolean cosine) {
    double part = Math.min(Math.max(share, 0), 1);
    return cosine
        ? to + (from - to) * (1 + StrictMath.cos(Math.PI * part)) / 2
        : from + (to - from) * part;
  }
}
