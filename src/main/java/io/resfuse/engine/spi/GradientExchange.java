package io.resfuse.engine.spi;

/**
 * What the shards of a training step tell each other: gradients and running statistics, added by
 * {@link ShardTree} in float32. All implementations give the same bits. One owner: not thread-safe.
 */
public interface GradientExchange extends AutoCloseable {
  /** Gives each shard the sum of all shards' gradients; returns when all have it. */
  void sumGradients();

  /**
   * Gives each shard the mean of all shards' running statistics: their sum divided by their number,
   * which is a power of two. Returns when all have it.
   */
  void averageStatistics();

  /**
   * What it has allocated.
   *
   * @return bytes, on devices and on the host
   */
  long bytes();

  /**
   * What of that is on devices.
   *
   * @return bytes
   */
  default long deviceBytes() {
    return 0;
  }

  /** Frees it; the shards stay. Idempotent. */
  @Override
  void close();
}
