package io.resfuse.engine.cuda.internal.library;

import io.resfuse.engine.cuda.internal.driver.Stream;

/** A convolution that is ready to run. Not thread-safe. */
public interface PreparedConvolution extends AutoCloseable {
  /**
   * Where a convolution's tensors are on the device.
   *
   * @param input what is convolved
   * @param weights with what
   * @param scale floats per channel of the result
   * @param bias floats per channel of the result
   * @param residual is added in the end; 0 for none
   * @param output overwritten; no other tensor is there
   * @param workspace as much as was asked for; 0 for none
   */
  record Addresses(
      long input,
      long weights,
      long scale,
      long bias,
      long residual,
      long output,
      long workspace) {}

  /**
   * Whether it does what follows the convolution, too: {@code [relu](convolution * scale + bias +
   * residual)}. If not, a kernel of ours does.
   *
   * @return always the same
   */
  boolean isFused();

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
   */
  void run(Stream stream, Addresses at);

  /** Frees what it holds on the host; what was started or recorded goes on. */
  @Override
  void close();
}
