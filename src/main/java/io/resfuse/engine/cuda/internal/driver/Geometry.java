package io.resfuse.engine.cuda.internal.driver;

/**
 * How many blocks of how many threads a launch has.
 *
 * @param gridX blocks in the first direction
 * @param gridY blocks in the second
 * @param gridZ blocks in the third
 * @param blockX threads of a block in the first direction
 * @param blockY threads of a block in the second
 * @param sharedBytes shared memory per block beyond the kernel's static
 */
public record Geometry(
    long gridX, long gridY, long gridZ, int blockX, int blockY, int sharedBytes) {
  private static final int LARGEST_GRID = 65535;

  /**
   * One direction, no dynamic shared memory.
   *
   * @param blocks of the grid
   * @param threads of a block
   * @return a geometry
   */
  public static Geometry linear(long blocks, int threads) {
    return new Geometry(blocks, 1, 1, threads, 1, 0);
  }

  /**
   * So many pieces of a size cover something.
   *
   * @param all what is covered, not negative
   * @param each size of a piece, positive
   * @return {@code all / each}, rounded up
   */
  public static int ceilDiv(int all, int each) {
    return (all + each - 1) / each;
  }

  /**
   * Threads per block.
   *
   * @return the product of both directions
   */
  public int threads() {
    return blockX * blockY;
  }

  /**
   * Blocks.
   *
   * @return the product of all directions
   */
  public long blocks() {
    return gridX * gridY * gridZ;
  }

  /**
   * The sizes of the grid for people.
   *
   * @return as in {@code 98 x 1 x 1}
   */
  public String grid() {
    return gridX + " x " + gridY + " x " + gridZ;
  }

  /** Whether CUDA can have such a grid at all. */
  boolean hasPossibleGrid() {
    return gridX >= 1
        && gridX <= Integer.MAX_VALUE
        && gridY >= 1
        && gridY <= LARGEST_GRID
        && gridZ >= 1
        && gridZ <= LARGEST_GRID;
  }

  /** The sizes in one line. */
  @Override
  public String toString() {
    return String.format(
        "grid %s, block %d x %d, %d bytes shared", grid(), blockX, blockY, sharedBytes);
  }
}
