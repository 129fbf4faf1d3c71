package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.cuda.internal.driver.Device;
import io.resfuse.engine.cuda.internal.kernels.KernelLibrary;
import io.resfuse.engine.cuda.internal.tiles.TileChooser;

/**
 * What an engine makes programs of.
 *
 * @param device for which they are
 * @param kernels where they come from, when a program is bound
 * @param tiles decides which of them
 * @param thresholds from which sizes on work is divided otherwise
 * @param guarded whether there are {@link io.resfuse.engine.cuda.internal.program.Guards} between
 *     the buffers of plans
 */
public record Toolkit(
    Device device,
    KernelLibrary kernels,
    TileChooser tiles,
    Thresholds thresholds,
    boolean guarded) {
  /** With the usual thresholds. */
  public Toolkit(Device device, KernelLibrary kernels, TileChooser tiles) {
    this(device, kernels, tiles, Thresholds.USUAL, false);
  }

  /** The same with other tiles. */
  public Toolkit with(TileChooser other) {
    return new Toolkit(device, kernels, other, thresholds, guarded);
  }

  /** The same with guards. */
  public Toolkit withGuards() {
    return new Toolkit(device, kernels, tiles, thresholds, true);
  }

  /**
   * Sizes from which on work is divided otherwise.
   *
   * @param mostStatistics tiles of statistics, or of sums of a gradient, that the last block of the
   *     convolution finalises, which takes about as long as a launch does then; more are left to
   *     launches of their own, and statistics are merged before
   * @param tilesForTwo tiles of a product per multiprocessor from which on each block computes two,
   *     so that the last wave of blocks weighs little
   * @param rowsPerSum rows of a gradient that a block adds up at least
   */
  public record Thresholds(int mostStatistics, int tilesForTwo, int rowsPerSum) {
    /** What is fast. */
    public static final Thresholds USUAL = new Thresholds(512, 16, 256);

    /** What tries everything on small tensors. */
    public static final Thresholds SMALLEST = new Thresholds(2, 1, 64);
  }
}
