package io.resfuse.engine.cuda.internal.tiles;

import io.resfuse.engine.cuda.internal.driver.Device;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.kernels.Tile;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Which tile a product runs with, and into how many slices its sum is cut.
 *
 * <p>The blocks of a product run in waves of one per multiprocessor. A wave takes time in
 * proportion to the tile's size, divided by its efficiency, however few of its blocks there are;
 * the tile with the least time wins, the larger of equals. Where even so not every multiprocessor
 * has a block, the sum is cut until each has one (the gradient of the weights, whose sums run over
 * all pixels: until each has about two), but not into slices of less than a few stages of the
 * pipeline.
 *
 * <p>The choice depends on sizes and the number of multiprocessors alone, so that results are the
 * same on every run.
 *
 * @param tile what one block computes
 * @param slices parts of the sum
 */
public record TileChoice(Tile tile, int slices) {
  private static final int FEWEST_STAGES = 4;
  private static final int FEWEST_PIXEL_STAGES = 8;
  private static final int MOST_SLICES = 32;

  /** Of partial sums that the gradient of the weights may leave to be added. */
  private static final long MOST_PARTIAL_BYTES = 64 << 20;

  /** For rows x columns of packs products, each a sum of so many terms. */
  public static TileChoice forProduct(
      long rows, int columns, int packs, int terms, ElementType type, Device device) {
    int processors = device.multiprocessors();
    Tile tile = best(rows, columns, packs, processors);
    long blocks = blocks(tile, rows, columns, packs);
    int stages = Geometry.ceilDiv(terms, Tile.termsPerStage(type));
    long slices = Math.min(Math.min(processors / blocks, stages / FEWEST_STAGES), MOST_SLICES);
    return new TileChoice(tile, (int) Math.max(1, slices));
  }

  /** For the gradient of outputs x weights of packs, a sum over so many pixels. */
  public static TileChoice forWeights(
      int outputs, int weights, int packs, long pixels, ElementType type, Device device) {
    int processors = device.multiprocessors();
    Tile tile = Tile.FOR_WEIGHTS.get(0);
    double least = Double.MAX_VALUE;
    for (Tile candidate : Tile.FOR_WEIGHTS) {
      double area = (double) blocks(candidate, outputs, weights, packs) * area(candidate);
      if (area / candidate.efficiency() < least) {
        least = area / candidate.efficiency();
        tile = candidate;
      }
    }
    long blocks = blocks(tile, outputs, weights, packs);
    long stages = (pixels + Tile.termsPerStage(type) - 1) / Tile.termsPerStage(type);
    long gradientBytes = 4L * outputs * weights * packs;
    long slices = (2L * processors + blocks - 1) / blocks;
    slices = Math.min(slices, stages / FEWEST_PIXEL_STAGES);
    slices = Math.min(slices, MOST_PARTIAL_BYTES / gradientBytes);
    return new TileChoice(tile, (int) Math.max(1, slices));
  }

  /** What may be tried for {@link #forProduct}, its choice among them. */
  public static List<TileChoice> productCandidates(
      long rows, int columns, int packs, int terms, ElementType type, Device device) {
    int stages = Geometry.ceilDiv(terms, Tile.termsPerStage(type));
    int most = Math.min(stages / FEWEST_STAGES, MOST_SLICES);
    Set<TileChoice> candidates = new LinkedHashSet<>();
    candidates.add(forProduct(rows, columns, packs, terms, type, device));
    for (Tile tile : Tile.ALL) {
      addSlices(candidates, tile, blocks(tile, rows, columns, packs), most, device);
    }
    return List.copyOf(candidates);
  }

  /** What may be tried for {@link #forWeights}, its choice among them. */
  public static List<TileChoice> weightCandidates(
      int outputs, int weights, int packs, long pixels, ElementType type, Device device) {
    long stages = (pixels + Tile.termsPerStage(type) - 1) / Tile.termsPerStage(type);
    long gradientBytes = 4L * outputs * weights * packs;
    long most = Math.min(stages / FEWEST_PIXEL_STAGES, MOST_PARTIAL_BYTES / gradientBytes);
    Set<TileChoice> candidates = new LinkedHashSet<>();
    candidates.add(forWeights(outputs, weights, packs, pixels, type, device));
    for (Tile tile : Tile.FOR_WEIGHTS) {
      addSlices(candidates, tile, blocks(tile, outputs, weights, packs), most, device);
    }
    return List.copyOf(candidates);
  }

  /** One slice, and powers of two while there are less than four blocks per multiprocessor. */
  private static void addSlices(
      Set<TileChoice> candidates, Tile tile, long blocks, long most, Device device) {
    candidates.add(new TileChoice(tile, 1));
    for (int slices = 2; slices <= most; slices *= 2) {
      if (blocks * slices <= 4L * device.multiprocessors()) {
        candidates.add(new TileChoice(tile, slices));
      }
    }
  }

  private static Tile best(long rows, int columns, int packs, int processors) {
    Tile best = Tile.ALL.get(0);
    double least = Double.MAX_VALUE;
    for (Tile tile : Tile.ALL) {
      long waves = (blocks(tile, rows, columns, packs) + processors - 1) / processors;
      double time = waves * area(tile) / tile.efficiency();
      if (time < least) {
        least = time;
        best = tile;
      }
    }
    return best;
  }

  private static double area(Tile tile) {
    return (double) tile.rows() * tile.columns();
  }

  private static long blocks(Tile tile, long rows, int columns, int packs) {
    long rowTiles = (rows + tile.rows() - 1) / tile.rows();
    return rowTiles * Geometry.ceilDiv(columns, tile.columns()) * packs;
  }
}
