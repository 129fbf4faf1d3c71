package io.resfuse.train.recipe;

import io.resfuse.train.recipe.LearningRateSchedule.Constant;
import io.resfuse.train.recipe.LearningRateSchedule.Cosine;
import io.resfuse.train.recipe.LearningRateSchedule.OneCycle;
import io.resfuse.train.recipe.LearningRateSchedule.Steps;
import io.resfuse.train.recipe.LearningRateSchedule.WarmUp;
import java.util.List;

/**
 * A learning-rate schedule as a recipe states it, in epochs.
 *
 * @param kind which curve
 * @param learningRate the first rate, for {@code one-cycle} the peak
 * @param lastLearningRate where {@code cosine} ends
 * @param milestones epochs, fractions allowed, after which {@code step} multiplies by the factor
 * @param factor of {@code step}
 * @param warmupEpochs of linear warm-up in front, 0 for none
 * @param warmupStart share of the first rate at which the warm-up begins, 0 to 1
 * @param rise share of {@code one-cycle} in which the rate grows
 * @param startDivisor of {@code one-cycle}: peak by first rate
 * @param endDivisor of {@code one-cycle}: first rate by last
 * @param anneal how {@code one-cycle} grows and falls
 */
public record ScheduleRecipe(
    Kind kind,
    double learningRate,
    double lastLearningRate,
    List<Double> milestones,
    double factor,
    double warmupEpochs,
    double warmupStart,
    double rise,
    double startDivisor,
    double endDivisor,
    Anneal anneal) {
  /** The curves. */
  public enum Kind {
    /** See {@link Constant}. */
    CONSTANT,
    /** See {@link Steps}. */
    STEP,
    /** See {@link Cosine}. */
    COSINE,
    /** See {@link OneCycle}. */
    ONE_CYCLE;

    @Override
    public String toString() {
      return ConstantNames.lower(this);
    }
  }

  /** The shape of a one-cycle's parts. */
  public enum Anneal {
    /** Half a cosine. */
    COSINE,
    /** A straight line. */
    LINEAR;

    @Override
    public String toString() {
      return ConstantNames.lower(this);
    }
  }

  /**
   * Copies the list.
   *
   * @param kind as in the record
   * @param learningRate as in the record
   * @param lastLearningRate as in the record
   * @param milestones as in the record
   * @param factor as in the record
   * @param warmupEpochs as in the record
   * @param warmupStart as in the record
   * @param rise as in the record
   * @param startDivisor as in the record
   * @param endDivisor as in the record
   * @param anneal as in the record
   */
  public ScheduleRecipe {
    milestones = List.copyOf(milestones);
  }

  static ScheduleRecipe defaults() {
    return new ScheduleRecipe(
        Kind.COSINE, 0.1, 0, List.of(), 0.1, 0, 0, 0.3, 25, 1e4, Anneal.COSINE);
  }

  void check(Problems problems, int epochs) {
    problems.positive("schedule.learning_rate", learningRate);
    problems.range("schedule.last_learning_rate", lastLearningRate, 0, learningRate);
    problems.range("schedule.factor", factor, 0, 1);
    problems.range("schedule.warmup_start", warmupStart, 0, 1);
    if (!(warmupEpochs >= 0 && warmupEpochs < epochs)) {
      problems.add(
          "schedule.warmup_epochs must be at least 0 and below the %d epochs, got %s",
          epochs, warmupEpochs);
    }
    if (!(rise > 0 && rise < 1)) {
      problems.add("schedule.rise must be above 0 and below 1, got %s", rise);
    }
    problems.range("schedule.start_divisor", startDivisor, 1, Double.MAX_VALUE);
    problems.range("schedule.end_divisor", endDivisor, 1, Double.MAX_VALUE);
    for (double milestone : milestones) {
      if (!(milestone >= 0 && milestone <= epochs)) {
        problems.add(
            "schedule.milestones must lie within the %d epochs, got %s", epochs, milestone);
      }
    }
    if (kind == Kind.STEP && milestones.isEmpty()) {
      problems.add("schedule.kind is step, which needs schedule.milestones");
    }
  }

  /** The same with another rate. */
  ScheduleRecipe withLearningRate(double rate) {
    return new ScheduleRecipe(
        kind,
        rate,
        lastLearningRate,
        milestones,
        factor,
        warmupEpochs,
        warmupStart,
        rise,
        startDivisor,
        endDivisor,
        anneal);
  }

  /**
   * The schedule over the steps of a training.
   *
   * @param stepsPerEpoch optimizer steps of an epoch, at least 1
   * @param epochs of the training, warm-up included
   * @return the rate of each step
   */
  public LearningRateSchedule over(int stepsPerEpoch, int epochs) {
    long warmup = Math.round(warmupEpochs * stepsPerEpoch);
    long steps = Math.max((long) stepsPerEpoch * epochs - warmup, 2);
    LearningRateSchedule main =
        switch (kind) {
          case CONSTANT -> new Constant(learningRate);
          case STEP ->
              new Steps(
                  learningRate,
                  factor,
                  milestones.stream().map(e -> Math.round(e * stepsPerEpoch) - warmup).toList());
          case COSINE -> new Cosine(learningRate, lastLearningRate, steps);
          case ONE_CYCLE ->
              new OneCycle(
                  learningRate, steps, rise, startDivisor, endDivisor, anneal == Anneal.COSINE);
        };
    return warmup == 0 ? main : new WarmUp(main, warmup, warmupStart);
  }
}
