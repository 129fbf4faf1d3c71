package io.resfuse.engine.cuda.internal.kernels;

/** Which elements of a gradient pass a ReLU. */
public enum Mask {
  /** All. */
  NONE(0),
  /** Those whose output is positive. */
  OUTPUT(1),
  /** Those whose normalised input is positive. */
  INPUT(2),
  /** Those whose bit the forward pass set. */
  BITS(3);

  private final int number;

  Mask(int number) {
    this.number = number;
  }

  /**
   * Its number in the structs.
   *
   * @return as {@code parameters.cuh} counts
   */
  public int number() {
    return number;
  }
}
