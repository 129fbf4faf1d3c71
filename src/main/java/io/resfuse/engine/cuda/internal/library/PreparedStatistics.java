package io.resfuse.engine.cuda.internal.library;

import io.resfuse.engine.cuda.internal.driver.Stream;

/** A convolution with the statistics of a batch norm that is ready to run. Not thread-safe. */
public interface PreparedStatistics extends AutoCloseable {
  /**
   * Where the tensors of a convolution with statistics are on the device.
   *
   * @param input what is convolved
   * @param weights with what
   * @param raw the result, overwritten
   * @param scale of the batch, {@code gamma * inverse}, for a pass of ours; floats per channel
   * @param bias of the batch, {@code beta - mean * scale}; floats per channel
   * @param workspace as much as was asked for; 0 for none
   */
  record Statistics(long input, long weights, long raw, long scale, long bias, long workspace) {}

  /**
   * Scratch memory that it needs while it runs.
   *
   * @return bytes
   */
  long workspaceBytes();

  /**
   * Starts it. May be recorded in a graph.
   *
   * @param stream where
   * @param at its tensors
   * @param channels the batch norm's vectors
   */
  void run(Stream stream, Statistics at, Library.Channels channels);

  /** Frees what it holds on the host; what was started or recorded goes on. */
  @Override
  void close();
}
