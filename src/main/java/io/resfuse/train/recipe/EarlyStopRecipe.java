package io.resfuse.train.recipe;

/**
 * When a training ends before its last epoch, as a recipe states it. The weights of the best
 * evaluation are then the result.
 *
 * @param patience evaluations without progress after which it ends, 0 for never
 * @param minDelta top-1 accuracy (0 to 1) by which an evaluation must exceed the best to be
 *     progress
 */
public record EarlyStopRecipe(int patience, double minDelta) {
  static EarlyStopRecipe never() {
    return new EarlyStopRecipe(0, 0);
  }

  void check(Problems problems) {
    problems.range("early_stop.patience", patience, 0, Double.MAX_VALUE);
    problems.range("early_stop.min_delta", minDelta, 0, 1);
  }

  /**
   * Whether a training may end early.
   *
   * @return false if the patience is 0
   */
  public boolean isOn() {
    return patience > 0;
  }
}
