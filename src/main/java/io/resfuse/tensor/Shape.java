package io.resfuse.tensor;

import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * The dimensions of a tensor, slowest first. Immutable.
 *
 * <p>Activations have the shape (batch, channels, height, width) whatever their {@link
 * TensorLayout}; convolution weights (out channels, in channels per group, kernel height, kernel
 * width).
 */
public final class Shape {
  private final int[] dimensions;
  private final long elements;

  private Shape(int[] dimensions) {
    long product = 1;
    for (int dimension : dimensions) {
      if (dimension < 0) {
        throw new IllegalArgumentException("negative dimension in " + Arrays.toString(dimensions));
      }
      product = Math.multiplyExact(product, (long) dimension);
    }
    this.dimensions = dimensions;
    this.elements = product;
  }

  /**
   * A shape.
   *
   * @param dimensions none for a scalar; each at least 0
   * @return the shape
   * @throws IllegalArgumentException if a dimension is negative
   * @throws ArithmeticException if the number of elements exceeds a long
   */
  public static Shape of(int... dimensions) {
    return new Shape(dimensions.clone());
  }

  /**
   * The number of dimensions.
   *
   * @return 0 for a scalar
   */
  public int rank() {
    return dimensions.length;
  }

  /**
   * One dimension.
   *
   * @param axis from 0
   * @return its size
   */
  public int dimension(int axis) {
    return dimensions[axis];
  }

  /**
   * The product of the dimensions.
   *
   * @return 1 for a scalar
   */
  public long elements() {
    return elements;
  }

  /**
   * All dimensions.
   *
   * @return a copy
   */
  public int[] toArray() {
    return dimensions.clone();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Shape shape && Arrays.equals(dimensions, shape.dimensions);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(dimensions);
  }

  /** The dimensions joined by an x, {@code 64x3x7x7}; {@code scalar} if there is none. */
  @Override
  public String toString() {
    return dimensions.length == 0
        ? "scalar"
        : Arrays.stream(dimensions).mapToObj(Integer::toString).collect(Collectors.joining("x"));
  }
}
