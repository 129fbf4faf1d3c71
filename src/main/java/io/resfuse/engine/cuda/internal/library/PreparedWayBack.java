package io.resfuse.engine.cuda.internal.library;

import io.resfuse.engine.cuda.internal.driver.Stream;

/** The way back through a convolution and the batch norm before it. Not thread-safe. */
public interface PreparedWayBack extends AutoCloseable {
  /**
   * Where the tensors of the way back through a convolution and the batch norm before it are on the
   * device.
   *
   * @param outputGradient of the convolution
   * @param weights of the convolution
   * @param raw what the batch norm normalised
   * @param residual was added then; 0 for none
   * @param masked gradient of the batch norm's result, zero where the ReLU was; overwritten
   * @param gammaGradient floats per channel; 0 where it is not wanted
   * @param betaGradient floats per channel; 0 where it is not wanted
   * @param gradientScale {@code a} in {@code rawGradient = a masked + b raw + c}; floats per
   *     channel
   * @param rawScale {@code b}, floats per channel
   * @param constant {@code c}, floats per channel
   * @param workspace as much as was asked for; 0 for none
   */
  record WayBack(
      long outputGradient,
      long weights,
      long raw,
      long residual,
      long masked,
      long gammaGradient,
      long betaGradient,
      long gradientScale,
      long rawScale,
      long constant,
      long workspace) {}

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
   * @param accumulate whether to add to the gradients of gamma and beta that are there
   */
  void run(Stream stream, WayBack at, Library.Channels channels, boolean accumulate);

  /** Frees what it holds on the host; what was started or recorded goes on. */
  @Override
  void close();
}
