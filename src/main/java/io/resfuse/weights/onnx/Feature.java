package io.resfuse.weights.onnx;

import java.util.Arrays;

/**
 * A value that depends on the picture, and what of it is known: which of its axes is which, its
 * size, and the zeros that were put around it. Immutable; nobody writes to the arrays.
 */
final class Feature {
  private static final int[] NCHW = {0, 1, 2, 3};

  private final String value;
  private final int[] axes;
  private final long[] pads;
  private final long height;
  private final long width;

  /**
   * A value.
   *
   * @param value its name
   * @param axes per axis what it is: 0 for the pictures, 1 channels, 2 rows, 3 columns
   * @param pads zeros above, left, below and right that a Pad has added, not counted in the size
   * @param height rows, or -1 if that is not fixed
   * @param width columns, or -1
   */
  Feature(String value, int[] axes, long[] pads, long height, long width) {
    this.value = value;
    this.axes = axes;
    this.pads = pads;
    this.height = height;
    this.width = width;
  }

  String value() {
    return value;
  }

  int[] axes() {
    return axes;
  }

  long[] pads() {
    return pads;
  }

  long height() {
    return height;
  }

  long width() {
    return width;
  }

  /** The number of places that a window has, or -1 if the size is not fixed. */
  static long size(long size, int kernel, int stride, int dilation, long padding) {
    long span = (long) dilation * (kernel - 1) + 1;
    return size < 0 ? -1 : Math.floorDiv(size + padding - span, stride) + 1;
  }

  Feature named(String name) {
    return new Feature(name, axes, pads, height, width);
  }

  Feature sized(String name, long newHeight, long newWidth) {
    return new Feature(name, axes, new long[4], newHeight, newWidth);
  }

  Feature padded(String name, long[] more) {
    long[] sum = new long[4];
    Arrays.setAll(sum, i -> pads[i] + more[i]);
    return new Feature(name, axes, sum, height, width);
  }

  /** With axis i the old {@code order[i]}. */
  Feature transposed(String name, int[] order) {
    int[] moved = new int[4];
    Arrays.setAll(moved, i -> axes[order[i]]);
    return new Feature(name, moved, pads, height, width);
  }

  boolean isNchw() {
    return Arrays.equals(axes, NCHW);
  }

  boolean isPadded() {
    return Arrays.stream(pads).anyMatch(pad -> pad != 0);
  }
}
