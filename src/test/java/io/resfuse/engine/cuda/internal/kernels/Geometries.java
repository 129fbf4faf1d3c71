package io.resfuse.engine.cuda.internal.kernels;

import io.resfuse.engine.cuda.internal.driver.Geometry;

/** Launch geometries as the kernels' files say. */
final class Geometries {
  private static final int THREADS = 256;
  private static final int MAX_VECTORS = 128;

  private Geometries() {}

  static int ceil(int a, int b) {
    return (a + b - 1) / b;
  }

  /**
   * For kernels over [rows][channels].
   *
   * @param most blocks in the direction of the rows
   */
  static Geometry perChannel(Format format, int rows, int channels, int most) {
    int vectors = channels / format.perVector();
    int gridY = ceil(vectors, MAX_VECTORS);
    int x = ceil(vectors, gridY);
    int y = THREADS / x;
    return new Geometry(Math.min(ceil(rows, y), most), gridY, 1, x, y, 0);
  }

  /** For the small kernels over channels. */
  static Geometry columns(int channels) {
    return new Geometry(ceil(channels, 32), 1, 1, 8, 32, 0);
  }
}
