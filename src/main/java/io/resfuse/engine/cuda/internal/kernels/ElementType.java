package io.resfuse.engine.cuda.internal.kernels;

import io.resfuse.engine.Precision;
import java.nio.ByteBuffer;

/** What tensors are stored as. */
public enum ElementType {
  /** IEEE half. */
  F16("f16", 2, 10, -14),
  /** bfloat16: a float without its lower half. */
  BF16("bf16", 2, 7, -126),
  /** A float rounded to 10 bits of fraction, in 32 bits. */
  TF32("tf32", 4, 10, -126),
  /** A float. */
  F32("f32", 4, 23, -126),
  /** An unsigned byte, of integers in int8. */
  U8("u8", 1, 0, 0);

  private final String suffix;
  private final int bytes;
  private final int fractionBits;
  private final int smallestExponent;

  ElementType(String suffix, int bytes, int fractionBits, int smallestExponent) {
    this.suffix = suffix;
    this.bytes = bytes;
    this.fractionBits = fractionBits;
    this.smallestExponent = smallestExponent;
  }

  /**
   * The type of a precision.
   *
   * @param precision any but fp64
   * @return its type
   * @throws IllegalArgumentException for fp64
   */
  public static ElementType of(Precision precision) {
    return switch (precision) {
      case FP16 -> F16;
      case BF16 -> BF16;
      case TF32 -> TF32;
      case FP32 -> F32;
      case INT8 -> U8;
      case FP64 -> throw new IllegalArgumentException("the kernels have no " + precision);
    };
  }

  /**
   * Its part of kernels' names.
   *
   * @return for example {@code bf16}
   */
  public String suffix() {
    return suffix;
  }

  /**
   * Its size.
   *
   * @return 1, 2 or 4
   */
  public int bytes() {
    return bytes;
  }

  /**
   * Writes a number as the kernels' casts round it: to nearest, ties to even, with subnormals.
   *
   * @param value what to write; NaN and infinities stay what they are
   * @param target little-endian
   * @param element the index of the element, not of the byte
   */
  public void put(double value, ByteBuffer target, int element) {
    if (this == U8) {
      target.put(element, (byte) round(value));
      return;
    }
    float rounded = (float) round(value);
    int bits = Float.floatToRawIntBits(rounded);
    switch (this) {
      case F32, TF32 -> target.putInt(4 * element, bits);
      case BF16 -> target.putShort(2 * element, (short) (bits >>> 16));
      case F16 -> target.putShort(2 * element, halfBits(rounded));
      case U8 -> throw new AssertionError(this);
    }
  }

  /**
   * Rounds directly, not through float: a multiple of the quantum at the number's exponent; in
   * bytes to the nearest from 0 to 255, ties to even.
   *
   * @param value any number
   * @return a number that the type has
   */
  public double round(double value) {
    if (this == U8) {
      return Math.max(0, Math.min(255, Math.rint(value)));
    }
    if (Double.isNaN(value) || Double.isInfinite(value)) {
      return value;
    }
    int exponent = Math.max(Math.getExponent(value), smallestExponent);
    double quantum = Math.scalb(1.0, exponent - fractionBits);
    double rounded = Math.rint(value / quantum) * quantum;
    double largest = Math.scalb(2 - Math.scalb(1.0, -fractionBits), this == F16 ? 15 : 127);
    return Math.abs(rounded) <= largest
        ? rounded
        : Math.copySign(Double.POSITIVE_INFINITY, rounded);
  }

  /** The bits of a number that half precision has. */
  private static short halfBits(float value) {
    int bits = Float.floatToRawIntBits(value);
    int sign = bits >>> 16 & 0x8000;
    int magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) {
      return (short) (sign | 0x7e00);
    }
    if (magnitude >= 0x47800000) {
      return (short) (sign | 0x7c00);
    }
    if (magnitude >= 0x38800000) {
      return (short) (sign | (magnitude - 0x38000000) >>> 13);
    }
    return (short) (sign | (int) (Math.abs(value) * 0x1p24f));
  }
}
