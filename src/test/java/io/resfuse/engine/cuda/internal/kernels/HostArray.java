package io.resfuse.engine.cuda.internal.kernels;

import java.nio.ByteBuffer;
import java.util.SplittableRandom;
import java.util.function.IntToDoubleFunction;

/** An array that a kernel is given, or has written. */
record HostArray(Format format, ByteBuffer bytes) {
  /** Numbers rounded to the format. */
  static HostArray of(Format format, double... values) {
    return new HostArray(format, format.encode(format.round(values)));
  }

  static HostArray filled(Format format, int elements, IntToDoubleFunction value) {
    double[] values = new double[elements];
    for (int i = 0; i < elements; i++) {
      values[i] = value.applyAsDouble(i);
    }
    return of(format, values);
  }

  /** Whole numbers from {@code -most} to {@code most}. */
  static HostArray integers(Format format, int elements, int most, SplittableRandom random) {
    return filled(format, elements, i -> random.nextInt(-most, most + 1));
  }

  /** Normally distributed. */
  static HostArray gaussian(
      Format format, int elements, double mean, double deviation, SplittableRandom random) {
    return filled(format, elements, i -> mean + deviation * gaussian(random));
  }

  private static double gaussian(SplittableRandom random) {
    double radius = Math.sqrt(-2 * Math.log(1 - random.nextDouble()));
    return radius * Math.cos(2 * Math.PI * random.nextDouble());
  }

  double[] values() {
    return format.decode(bytes);
  }

  int elements() {
    return bytes.remaining() / format.bytes();
  }

  /** This with some elements replaced by numbers that are hard to treat right. */
  HostArray withSpecials(SplittableRandom random) {
    double[] special = {
      Double.NaN,
      Double.POSITIVE_INFINITY,
      Double.NEGATIVE_INFINITY,
      0.0,
      -0.0,
      format.tiny(),
      -format.tiny(),
      3 * format.tiny(),
      format.largest(),
      -format.largest()
    };
    double[] values = values();
    for (int i = 0; i < values.length; i++) {
      if (random.nextInt(4) == 0) {
        values[i] = special[random.nextInt(special.length)];
      }
    }
    return of(format, values);
  }

  /** This with zeros in the channels from {@code valid} on. */
  HostArray withPadding(int channels, int valid) {
    double[] values = values();
    for (int i = 0; i < values.length; i++) {
      if (i % channels >= valid) {
        values[i] = 0;
      }
    }
    return of(format, values);
  }
}
