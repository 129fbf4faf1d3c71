package io.resfuse.batch;

import io.resfuse.engine.LoadedNetwork;

/**
 * A device that runs batches: a network that was loaded on an engine.
 *
 * @param network which plans are made of; not owned
 * @param concurrency how many batches run at once; each uses all of the engine's threads
 */
public record BatchTarget(LoadedNetwork network, int concurrency) {
  /**
   * Checks the range.
   *
   * @param network as in the record
   * @param concurrency as in the record
   */
  public BatchTarget {
    if (concurrency < 1) {
      throw new IllegalArgumentException("at least one batch must run, got " + concurrency);
    }
  }
}
