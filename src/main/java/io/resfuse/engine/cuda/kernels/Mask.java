package io.resfuse.engine.cuda.kernels;

/** Which elements of a gradient pass a ReLU. */
public enum Mask {
  /** All. */
  NONE,
  /** Those whose output is positive. */
  OUTPUT,
  /** Those whose normalised input is positive. */
  INPUT
}
