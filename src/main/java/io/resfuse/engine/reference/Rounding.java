package io.resfuse.engine.reference;

import io.resfuse.engine.Precision;

/**
 * Rounds doubles to what a precision can store: to nearest, ties to even, but away from zero in
 * TF32, as GPUs do; with subnormals, overflowing to infinity. Directly, not through float, so that
 * nothing is rounded twice.
 *
 * <p>In a plan of such a precision these are rounded: the images, the weights of convolutions and
 * linear layers, every activation once it is complete (after residual and ReLU), the convolution's
 * result where batch statistics are taken of it, and every activation's gradient once all its parts
 * are added. All other parameters, all gradients of parameters, statistics, the means and gates of
 * squeeze and excitation and the optimizer's state are not.
 *
 * <p>In int8 what is not stored as integers is rounded as in fp32.
 */
enum Rounding {
  /** Rounds nothing. */
  FP64(52, -1022),
  /** IEEE single. */
  FP32(23, -126),
  /** bfloat16. */
  BF16(7, -126),
  /** TF32: the fraction of half with the exponents of single. */
  TF32(10, -126),
  /** IEEE half. */
  FP16(10, -14);

  private final int fractionBits;
  private final int smallestExponent;
  private final double largest;

  Rounding(int fractionBits, int smallestExponent) {
    this.fractionBits = fractionBits;
    this.smallestExponent = smallestExponent;
    this.largest = Math.scalb(2 - Math.scalb(1.0, -fractionBits), 1 - smallestExponent);
  }

  static Rounding of(Precision precision) {
    return switch (precision) {
      case FP64 -> FP64;
      case FP32, INT8 -> FP32;
      case BF16 -> BF16;
      case FP16 -> FP16;
      case TF32 -> TF32;
    };
  }

  double round(double x) {
    if (this == FP64 || Double.isNaN(x) || Double.isInfinite(x)) {
      return x;
    }
    int exponent = Math.max(Math.getExponent(x), smallestExponent);
    double quantum = Math.scalb(1.0, exponent - fractionBits);
    double quanta = x / quantum;
    double rounded = quantum * (this == TF32 ? awayFromZero(quanta) : Math.rint(quanta));
    return Math.abs(rounded) <= largest ? rounded : Math.copySign(Double.POSITIVE_INFINITY, x);
  }

  /** To the nearest integer, and from the middle between two to that farther from zero. */
  private static double awayFromZero(double x) {
    double below = Math.floor(Math.abs(x));
    return Math.copySign(Math.abs(x) - below >= 0.5 ? below + 1 : below, x);
  }

  void round(double[] array) {
    if (this != FP64) {
      for (int i = 0; i < array.length; i++) {
        array[i] = round(array[i]);
      }
    }
  }
}
