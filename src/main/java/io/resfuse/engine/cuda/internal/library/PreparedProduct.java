package io.resfuse.engine.cuda.internal.library;

import io.resfuse.engine.cuda.internal.driver.Stream;

/** A product that is ready to run. Not thread-safe. */
public interface PreparedProduct extends AutoCloseable {
  /**
   * Where a product's tensors, or their gradients, are on the device.
   *
   * @param input of the convolution
   * @param weights of the convolution
   * @param output of the convolution
   * @param workspace as much as was asked for; 0 for none
   */
  record Tensors(long input, long weights, long output, long workspace) {}

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
   * @param accumulate whether to add to what is there
   */
  void run(Stream stream, Tensors at, boolean accumulate);

  /** Frees what it holds on the host; what was started or recorded goes on. */
  @Override
  void close();
}
