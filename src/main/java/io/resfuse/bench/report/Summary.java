package io.resfuse.bench.report;

import java.util.Arrays;

/**
 * What is said of a number that was measured in several rounds.
 *
 * @param median of the rounds
 * @param lower their lower quartile
 * @param upper their upper quartile
 * @param rounds how many
 */
public record Summary(double median, double lower, double upper, int rounds) {
  /**
   * Sums up.
   *
   * @param values one per round, at least one
   * @return median and quartiles
   */
  public static Summary of(double[] values) {
    return new Summary(
        quantile(values, 0.5), quantile(values, 0.25), quantile(values, 0.75), values.length);
  }

  /**
   * Sums up the ratios within rounds.
   *
   * @param values one per round
   * @param others by what they are divided, of the same rounds
   * @return median and quartiles of the ratios
   */
  public static Summary ofRatios(double[] values, double[] others) {
    double[] ratios = new double[values.length];
    Arrays.setAll(ratios, i -> values[i] / others[i]);
    return of(ratios);
  }

  /**
   * The distance of the quartiles.
   *
   * @return what is printed after the ±
   */
  public double spread() {
    return upper - lower;
  }

  /**
   * Whether two runs agree: their medians are no further apart than both spreads together.
   *
   * @param other of another run
   * @return whether the intervals median ± spread meet
   */
  public boolean agreesWith(Summary other) {
    return Math.abs(median - other.median) <= spread() + other.spread();
  }

  /**
   * A quantile, between neighbours by straight line (Hyndman and Fan 1996, definition 7).
   *
   * @param values at least one, in any order
   * @param share between 0 and 1
   * @return the value that this share is not above
   */
  public static double quantile(double[] values, double share) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    double place = share * (sorted.length - 1);
    int below = (int) Math.floor(place);
    int above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
  }
}
