package io.resfuse.engine;

/**
 * How the batch of a training is cut.
 *
 * @param shards parts of the same size of the whole batch, a power of two. How many decides on what
 *     comes out, since batch norms have statistics of each shard's own; where they are computed
 *     does not: each bit stays the same
 * @param processes that have as many of them each, neighbours; not owned
 */
public record Sharding(int shards, Communicator processes) {
  /**
   * In one process.
   *
   * @param shards a power of two
   * @return the same on all of an engine's devices
   */
  public static Sharding of(int shards) {
    return new Sharding(shards, Communicator.ALONE);
  }
}
