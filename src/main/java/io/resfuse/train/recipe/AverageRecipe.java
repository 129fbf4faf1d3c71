package io.resfuse.train.recipe;

/**
 * An exponential moving average of the weights, as a recipe states it.
 *
 * @param decay share that the average keeps at each update, 0 for no average. In the first updates
 *     it is smaller: {@code min(decay, (1 + n) / (10 + n))} at update n
 * @param every optimizer steps between updates
 */
public record AverageRecipe(double decay, int every) {
  static AverageRecipe none() {
    return new AverageRecipe(0, 16);
  }

  void check(Problems problems) {
    if (!(decay >= 0 && decay < 1)) {
      problems.add("average.decay must be at least 0 and below 1, got %s", decay);
    }
    problems.range("average.every", every, 1, Double.MAX_VALUE);
  }

  /**
   * Whether there is an average.
   *
   * @return false if the decay is 0
   */
  public boolean isOn() {
    return decay > 0;
  }
}
