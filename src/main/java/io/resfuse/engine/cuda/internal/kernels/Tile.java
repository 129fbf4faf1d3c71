package io.resfuse.engine.cuda.internal.kernels;

import java.util.List;

/**
 * What one block of a convolution computes: for the forward pass and the gradient of the input,
 * {@code rows} pixels of {@code columns} output channels; for the gradient of the weights, {@code
 * rows} output channels of {@code columns} weights.
 *
 * @param rows of the product
 * @param columns of the product
 * @param efficiency how fast it is compared to the largest tile, when all multiprocessors are busy:
 *     larger tiles read less per product
 */
public record Tile(int rows, int columns, double efficiency) {
  /** The tiles that convolutions have kernels for, largest first. */
  public static final List<Tile> ALL =
      List.of(
          new Tile(128, 128, 1),
          new Tile(128, 64, 0.9),
          new Tile(64, 64, 0.75),
          new Tile(128, 32, 0.7));

  /**
   * The tiles that gradients of weights have kernels for, largest first. Every block of a row of
   * tiles reads the same pixels: a wide tile of few outputs saves reading them again.
   */
  public static final List<Tile> FOR_WEIGHTS =
      List.of(
          new Tile(128, 128, 1),
          new Tile(128, 64, 0.9),
          new Tile(64, 128, 0.9),
          new Tile(64, 64, 0.75),
          new Tile(128, 32, 0.7));

  private static final int STAGES = 4;

  /** Of the summed dimension, per row and stage. */
  static final int ROW_BYTES = 64;

  /**
   * The dynamic shared memory that a block needs: the ring of stages, or the result, which takes
   * its place.
   *
   * @param threads of a block
   * @return bytes
   */
  public int sharedBytes(int threads) {
    int ring = STAGES * (rows + columns) * ROW_BYTES;
    int result = rows * (columns + 8) * Float.BYTES + threads * 32;
    int statistics = columns * 2 * Float.BYTES;
    return Math.max(ring, result) + statistics;
  }

  /**
   * How many terms of the sum one stage has.
   *
   * @param type of the operands
   * @return 16, 32 or 64
   */
  public static int termsPerStage(ElementType type) {
    return ROW_BYTES / type.bytes();
  }

  /** Its part of kernels' names. */
  @Override
  public String toString() {
    return rows + "x" + columns;
  }
}
