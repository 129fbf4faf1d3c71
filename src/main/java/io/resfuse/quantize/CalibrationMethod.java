package io.resfuse.quantize;

import java.util.Locale;

/** Where the range of an activation is cut, given how often magnitudes occur. */
public enum CalibrationMethod {
  /** Nowhere: the largest magnitude is the largest integer. */
  MINMAX,
  /** Above the magnitude that a share of the elements stay below. */
  PERCENTILE,
  /**
   * Where the distribution of what is stored has the least relative entropy to that of the elements
   * (Migacz 2017, "8-bit inference with TensorRT").
   */
  ENTROPY,
  /** Where the mean of the squared errors of storing is least. */
  MSE;

  /**
   * A method by its name in any case.
   *
   * @param name {@code minmax}, ...
   * @return the method
   * @throws IllegalArgumentException that lists the names if there is none of that name
   */
  public static CalibrationMethod parse(String name) {
    for (CalibrationMethod method : values()) {
      if (method.name().equalsIgnoreCase(name)) {
        return method;
      }
    }
    throw new IllegalArgumentException(
        "no calibration method '" + name + "'; there are minmax, percentile, entropy and mse");
  }

  /** The name in lower case, as options write it. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
