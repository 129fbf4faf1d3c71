package io.resfuse.data.image;

/**
 * The filters of Pillow's antialiased resize. When shrinking, their support is widened by the
 * scale, so that every source pixel counts.
 */
public enum Resampling {
  /** The triangle {@code 1 - |x|} on [-1, 1]. */
  BILINEAR(1) {
    @Override
    double weight(double x) {
      double distance = Math.abs(x);
      return distance < 1 ? 1 - distance : 0;
    }
  },

  /** Keys's cubic convolution with a = -1/2 on [-2, 2]. */
  BICUBIC(2) {
    private static final double A = -0.5;

    @Override
    double weight(double x) {
      double d = Math.abs(x);
      if (d < 1) {
        return ((A + 2) * d - (A + 3)) * d * d + 1;
      }
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * A : 0;
    }
  };

  private final double support;

  Resampling(double support) {
    this.support = support;
  }

  /** Half the width of the filter, in pixels, at scale 1. */
  double support() {
    return support;
  }

  /** The filter's value at a distance from its centre; not normalised. */
  abstract double weight(double x);
}
