package io.resfuse.engine;

import java.util.List;
import java.util.Set;

/**
 * An {@link Engine} of kernels that cut their work into tiles, for those who try them all: it says
 * which kernels it has and which have run, and can be made to divide work otherwise than it would
 * for the device and sizes at hand. Thread-safe.
 */
public interface KernelSuite {
  /**
   * What one block of a matrix product computes.
   *
   * @param rows of the product
   * @param columns of the product
   */
  record TileSize(int rows, int columns) {}

  /**
   * How work is to be divided.
   *
   * @param tile of the forward pass and of the gradient of the input, one of {@link #tiles}
   * @param weightTile of the gradient of weights, one of {@link #weightTiles}
   * @param slices into which every product's sum is cut; slices beyond a sum's end are empty
   * @param small whether as on a device with a single multiprocessor, and with all that is done for
   *     large tensors only done for small ones too: blocks then work on, tile after tile, and
   *     statistics are merged in two steps
   */
  record Division(TileSize tile, TileSize weightTile, int slices, boolean small) {}

  /**
   * The kernels that exist for a precision, those among them that do not depend on it.
   *
   * @param precision one that the engine computes in
   * @return their names
   */
  Set<String> kernels(Precision precision);

  /**
   * The kernels that have run, in any plan of this engine.
   *
   * @return their names
   */
  Set<String> kernelsRun();

  /**
   * The tiles of the forward pass and of the gradient of the input.
   *
   * @return largest first
   */
  List<TileSize> tiles();

  /**
   * The tiles of the gradient of weights: rows are output channels, columns weights of each.
   *
   * @return largest first
   */
  List<TileSize> weightTiles();

  /**
   * The same engine, with memory around each buffer of a plan that nothing may write, and each
   * buffer in a place of its own. It holds NaN at first, as does what is not zeroed, so that
   * reading it shows. Closing a plan fails with an {@link EngineException} if it has been written.
   *
   * @return an engine on the same device with the same kernels; closing it does nothing
   */
  Engine guarded();

  /**
   * The same engine, dividing work as told.
   *
   * @param division how
   * @return an engine on the same device with the same kernels; closing it does nothing
   */
  Engine divided(Division division);
}
