package io.resfuse.quantize;

import java.util.Set;

/**
 * How a network is quantised. Immutable; the {@code with} methods give changed copies.
 *
 * @param method where ranges of activations are cut
 * @param percentile of {@link CalibrationMethod#PERCENTILE}: the percentage of the elements that
 *     are stored without being cut
 * @param perChannel whether weights have a scale for each output channel, rather than one for all
 * @param reducedRange whether weights have 7 bits, for CPUs without VNNI
 * @param keep names of operations that compute in float32: {@code stem} for the first convolution,
 *     or the beginning of names, {@code layer1.0}. Linear layers always do
 */
public record QuantizationOptions(
    CalibrationMethod method,
    double percentile,
    boolean perChannel,
    boolean reducedRange,
    Set<String> keep) {
  /** Weights of 8 bits per channel, and nothing kept but what always is. */
  public static final QuantizationOptions DEFAULTS =
      new QuantizationOptions(CalibrationMethod.MSE, 99.99, true, false, Set.of());

  /**
   * Checks the ranges and copies the set.
   *
   * @param method as in the record
   * @param percentile as in the record
   * @param perChannel as in the record
   * @param reducedRange as in the record
   * @param keep as in the record
   */
  public QuantizationOptions {
    if (!(percentile > 50 && percentile <= 100)) {
      throw new IllegalArgumentException(
          "a percentile must be above 50 and at most 100, got " + percentile);
    }
    keep = Set.copyOf(keep);
  }

  /**
   * The same with another method.
   *
   * @param other as in the record
   * @return new options
   */
  public QuantizationOptions withMethod(CalibrationMethod other) {
    return new QuantizationOptions(other, percentile, perChannel, reducedRange, keep);
  }

  /**
   * The same with weights of 7 or 8 bits.
   *
   * @param reduced as in the record
   * @return new options
   */
  public QuantizationOptions withReducedRange(boolean reduced) {
    return new QuantizationOptions(method, percentile, perChannel, reduced, keep);
  }

  /**
   * The same with other operations kept.
   *
   * @param names as in the record
   * @return new options
   */
  public QuantizationOptions withKeep(Set<String> names) {
    return new QuantizationOptions(method, percentile, perChannel, reducedRange, names);
  }
}
