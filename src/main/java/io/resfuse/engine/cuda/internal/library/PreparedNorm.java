package io.resfuse.engine.cuda.internal.library;

import io.resfuse.engine.cuda.internal.driver.Stream;

/** A batch norm that is ready to run. Not thread-safe. */
public interface PreparedNorm extends AutoCloseable {
  /**
   * Where the tensors of a forward pass are on the device.
   *
   * @param raw what is normalised
   * @param residual is added; 0 for none
   * @param output overwritten; no other tensor is there
   * @param reserve kept for the backward pass; 0 for none
   * @param workspace as much as was asked for; 0 for none
   */
  record NormForward(long raw, long residual, long output, long reserve, long workspace) {}

  /**
   * Where the tensors of a backward pass are on the device.
   *
   * @param raw what was normalised
   * @param output what came out
   * @param outputGradient its gradient
   * @param rawGradient overwritten; no other tensor is there
   * @param residualGradient overwritten; no other tensor is there; 0 if the library does not fuse
   * @param gammaGradient floats per channel
   * @param betaGradient floats per channel
   * @param reserve as the forward pass left it
   * @param workspace as much as was asked for; 0 for none
   */
  record NormBackward(
      long raw,
      long output,
      long outputGradient,
      long rawGradient,
      long residualGradient,
      long gammaGradient,
      long betaGradient,
      long reserve,
      long workspace) {}

  /**
   * Whether residual and ReLU, where there are such, are part of it. If not, kernels of ours add
   * and rectify, and mask the gradient before it is handed over.
   *
   * @return always the same
   */
  boolean isFused();

  /**
   * Memory that lives from the forward to the backward pass.
   *
   * @return bytes
   */
  long reserveBytes();

  /**
   * Scratch memory of the forward pass.
   *
   * @return bytes
   */
  long forwardWorkspaceBytes();

  /**
   * Scratch memory of the backward pass.
   *
   * @return bytes
   */
  long backwardWorkspaceBytes();

  /**
   * Starts the forward pass. May be recorded in a graph.
   *
   * @param stream where
   * @param at its tensors
   * @param channels its vectors
   */
  void forward(Stream stream, NormForward at, Library.Channels channels);

  /**
   * Starts the backward pass. May be recorded in a graph.
   *
   * @param stream where
   * @param at its tensors
   * @param channels its vectors
   * @param accumulate whether to add to the gradients of gamma and beta that are there
   */
  void backward(Stream stream, NormBackward at, Library.Channels channels, boolean accumulate);

  /** Frees what it holds on the host; what was started or recorded goes on. */
  @Override
  void close();
}
