package io.resfuse.engine.spi;

/**
 * The order in which what the shards of a step have computed is added up: a binary tree over their
 * numbers. In round k = 0, 1, ... shard s, a multiple of 2^(k + 1), gets what shard s + 2^k has;
 * after the last round shard 0 has the sum. Floating-point addition commutes but does not
 * associate: with this one association the sum is the same bits wherever the shards lie. Those of
 * an aligned group of 2^j neighbours are added among themselves first, so a device that holds such
 * a group needs no other for that, and the tree over the groups is again this tree.
 */
public final class ShardTree {
  private ShardTree() {}

  /** One addition. */
  @FunctionalInterface
  public interface Addition {
    /**
     * Adds.
     *
     * @param into number of the summand that becomes the sum
     * @param from number of the other one
     */
    void add(int into, int from);
  }

  /**
   * Makes all additions, in their order; allocates nothing.
   *
   * @param count of shards or groups, a power of two
   * @param addition makes one
   */
  public static void reduce(int count, Addition addition) {
    for (int distance = 1; distance < count; distance *= 2) {
      for (int into = 0; into < count; into += 2 * distance) {
        addition.add(into, into + distance);
      }
    }
  }

  /**
   * Whether a number of shards or groups is one that the tree is made for.
   *
   * @param count any number
   * @return whether it is a power of two
   */
  public static boolean fits(int count) {
    return count > 0 && Integer.bitCount(count) == 1;
  }
}
