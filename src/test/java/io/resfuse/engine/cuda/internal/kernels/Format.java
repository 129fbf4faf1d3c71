package io.resfuse.engine.cuda.internal.kernels;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * What the arrays of kernels consist of, and how numbers are rounded to it; written independently
 * of the kernels and of {@link ElementType}.
 */
enum Format {
  /** IEEE half. */
  F16(2, 10, -14, 15),
  /** The upper half of a float. */
  BF16(2, 7, -126, 127),
  /** A float with 10 bits of fraction; ties round away from zero. */
  TF32(4, 10, -126, 127),
  /** A float. */
  F32(4, 23, -126, 127),
  /** A double. */
  F64(8, 52, -1022, 1023),
  /** A 32-bit integer. */
  I32(4, 0, 0, 0),
  /** An unsigned byte. */
  U8(1, 0, 0, 0);

  /** What tensors are stored as. */
  static final List<Format> STORAGE = List.of(F16, BF16, TF32, F32);

  private final int bytes;
  private final int fractionBits;
  private final int smallestExponent;
  private final int largestExponent;

  Format(int bytes, int fractionBits, int smallestExponent, int largestExponent) {
    this.bytes = bytes;
    this.fractionBits = fractionBits;
    this.smallestExponent = smallestExponent;
    this.largestExponent = largestExponent;
  }

  int bytes() {
    return bytes;
  }

  /** Elements of 16 bytes. */
  int perVector() {
    return 16 / bytes;
  }

  /** Its part of kernels' names. */
  String suffix() {
    return name().toLowerCase(java.util.Locale.ROOT);
  }

  /** The largest relative error of rounding to it. */
  double unit() {
    return Math.scalb(1.0, -fractionBits - 1);
  }

  /** The smallest positive number. */
  double tiny() {
    return Math.scalb(1.0, smallestExponent - fractionBits);
  }

  double largest() {
    return Math.scalb(2 - Math.scalb(1.0, -fractionBits), largestExponent);
  }

  /** To the nearest number of this format. */
  double round(double x) {
    if (Double.isNaN(x) || Double.isInfinite(x) || !STORAGE.contains(this)) {
      return x;
    }
    double quantum =
        Math.scalb(1.0, Math.max(Math.getExponent(x), smallestExponent) - fractionBits);
    double scaled = x / quantum;
    double whole =
        this == TF32 ? Math.signum(x) * Math.floor(Math.abs(scaled) + 0.5) : Math.rint(scaled);
    double rounded = Math.copySign(whole * quantum, x);
    return Math.abs(rounded) <= largest() ? rounded : Math.copySign(Double.POSITIVE_INFINITY, x);
  }

  double[] round(double[] values) {
    double[] rounded = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      rounded[i] = round(values[i]);
    }
    return rounded;
  }

  /** Numbers as an array of a device; they must be of this format. */
  ByteBuffer encode(double[] values) {
    ByteBuffer target =
        ByteBuffer.allocateDirect(values.length * bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (double x : values) {
      switch (this) {
        case F16 -> target.putShort(halfBits(x));
        case BF16 -> target.putShort((short) (Float.floatToIntBits((float) x) >>> 16));
        case TF32, F32 -> target.putFloat((float) x);
        case F64 -> target.putDouble(x);
        case I32 -> target.putInt((int) x);
        case U8 -> target.put((byte) (int) x);
      }
    }
    return target.flip();
  }

  double[] decode(ByteBuffer source) {
    ByteBuffer from = source.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    double[] values = new double[from.remaining() / bytes];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (this) {
            case F16 -> ofHalf(from.getShort());
            case BF16 -> Float.intBitsToFloat(from.getShort() << 16);
            case TF32, F32 -> from.getFloat();
            case F64 -> from.getDouble();
            case I32 -> from.getInt();
            case U8 -> from.get() & 0xff;
          };
    }
    return values;
  }

  private static short halfBits(double x) {
    int sign = Math.copySign(1, x) < 0 ? 0x8000 : 0;
    double magnitude = Math.abs(x);
    if (Double.isNaN(x)) {
      return 0x7e00;
    }
    if (Double.isInfinite(x)) {
      return (short) (sign | 0x7c00);
    }
    if (magnitude < 0x1p-14) {
      return (short) (sign | (int) (magnitude * 0x1p24));
    }
    int exponent = Math.getExponent(magnitude);
    return (short)
        (sign | (exponent + 15) << 10 | (int) Math.scalb(magnitude, 10 - exponent) - 1024);
  }

  private static double ofHalf(short bits) {
    int exponent = bits >> 10 & 31;
    int fraction = bits & 1023;
    double magnitude =
        exponent == 31
            ? fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN
            : exponent == 0
                ? fraction * 0x1p-24
                : Math.scalb(1 + fraction * 0x1p-10, exponent - 15);
    return bits < 0 ? -magnitude : magnitude;
  }
}
