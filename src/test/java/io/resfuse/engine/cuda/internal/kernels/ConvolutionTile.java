package io.resfuse.engine.cuda.internal.kernels;

import java.util.List;

/**
 * The tiles that there are kernels for, and what their launches need; as {@code product.cuh} says.
 */
enum ConvolutionTile {
  T128X128(128, 128),
  T128X64(128, 64),
  T64X128(64, 128),
  T64X64(64, 64),
  T128X32(128, 32);

  /** Of convolutions. */
  static final List<ConvolutionTile> ALL = List.of(T128X128, T128X64, T64X64, T128X32);

  static final List<ConvolutionTile> FOR_WEIGHTS = List.of(values());

  final int rows;
  final int columns;

  ConvolutionTile(int rows, int columns) {
    this.rows = rows;
    this.columns = columns;
  }

  int threads(Format format) {
    return this == T128X128 && format == Format.F32 ? 256 : 128;
  }

  int sharedBytes(Format format) {
    int ring = 4 * (rows + columns) * 64;
    int result = rows * (columns + 8) * 4 + threads(format) * 32;
    return Math.max(ring, result) + columns * 8;
  }

  String kernel(String what, Format format, boolean normalised) {
    return String.format(
        "%s_%s_%dx%d%s", what, format.suffix(), rows, columns, normalised ? "_norm" : "");
  }
}
