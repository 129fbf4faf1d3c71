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
 */
public record Toolkit(
    Device device, KernelLibrary kernels, TileChooser tiles, Thresholds thresholds) {
  /** With the usual thresholds. */
  public Toolkit(Device device, KernelLibrary kernels, TileChooser tiles) {
    this(device, kernels, tiles, Thresholds.USUAL);
  }

  /** The same with other tiles. */
  public Toolkit with(TileChooser other) {
    return new Toolkit(device, kernels, other, thresholds);
  }

  /**
   * Sizes from which on work is divided otherwise.
   *
   * @param mostStatistics tiles of statistics; more than these are merged before they are finalised
   * @param tilesForTwo tiles of a product per multiprocessor from which on each block computes two,
   *     so that the last wave of blocks weighs little
   */
  public record Thresholds(int mostStatistics, int tilesForTwo) {
    /** What is fast. */
    public static final Thresholds USUAL = new Thresholds(512, 16);

    /** What tries everything on small tensors. */
    public static final Thresholds SMALLEST = new Thresholds(2, 1);
  }
}
