package io.resfuse.engine.spi;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * For engines: gives blocks with lifetimes their places in one arena: the largest first, each at
 * the lowest offset at which it meets no block that lives at the same time. Not thread-safe.
 */
public final class ArenaPlanner {
  /** An arena without blocks. */
  public ArenaPlanner() {}

  /** Blocks begin at pages: no two share a cache line, and vectors are aligned. */
  private static final long ALIGNMENT = 4096;

  private final List<Block> blocks = new ArrayList<>();

  /** A block and, after {@link #plan}, its place. */
  public static final class Block {
    private final long bytes;
    private final int first;
    private final int last;
    private long offset = -1;

    private Block(long bytes, int first, int last) {
      this.bytes = bytes;
      this.first = first;
      this.last = last;
    }

    /**
     * Where it begins.
     *
     * @return bytes from the arena's beginning
     * @throws IllegalStateException before {@link #plan}
     */
    public long offset() {
      if (offset < 0) {
        throw new IllegalStateException("not planned");
      }
      return offset;
    }

    private boolean meets(Block other) {
      return first <= other.last && other.first <= last;
    }
  }

  /**
   * Adds a block.
   *
   * @param bytes its size
   * @param first when it is first written
   * @param last when it is last used, inclusive
   * @return the block, without a place yet
   */
  public Block add(long bytes, int first, int last) {
    Block block = new Block((bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, first, last);
    blocks.add(block);
    return block;
  }

  /**
   * The size of the arena if every block had a place of its own.
   *
   * @return bytes
   */
  public long unshared() {
    return blocks.stream().mapToLong(b -> b.bytes).sum();
  }

  /**
   * Places all blocks.
   *
   * @return the size of the arena
   */
  public long plan() {
    List<Block> largestFirst = new ArrayList<>(blocks);
    largestFirst.sort(Comparator.comparingLong((Block b) -> b.bytes).reversed());
    List<Block> placed = new ArrayList<>();
    long size = 0;
    for (Block block : largestFirst) {
      long offset = 0;
      for (Block other : placed) {
        if (block.meets(other) && offset + block.bytes > other.offset) {
          offset = Math.max(offset, other.offset + other.bytes);
        }
      }
      block.offset = offset;
      size = Math.max(size, offset + block.bytes);
      int at = 0;
      while (at < placed.size() && placed.get(at).offset <= offset) {
        at++;
      }
      placed.add(at, block);
    }
    return size;
  }
}
