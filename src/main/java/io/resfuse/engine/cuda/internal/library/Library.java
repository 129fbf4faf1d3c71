package io.resfuse.engine.cuda.internal.library;

import io.resfuse.engine.Operation.Window;
import java.util.Optional;

/**
 * Runs convolutions and, in training, batch norms in the place of our kernels, for engines that
 * share everything else with the engine {@code cuda}: a {@link LibraryBackend} adds them to
 * programs. Tensors are NHWC without gaps, as the network's precision stores them; weights are
 * (out, rows, columns, in / groups). Channels that a network does not have are zeros: a tensor's
 * channels are a multiple of 8, an image's may be 4. What a batch norm keeps per channel is
 * float32.
 */
public interface Library {
  /**
   * A convolution of tensors of certain sizes.
   *
   * @param name for messages
   * @param window geometry
   * @param groups groups of channels
   * @param images batch
   * @param height rows of the input
   * @param width columns of the input
   * @param channels of the input
   * @param outputs channels of the result
   * @param scaled whether the result is scaled; if not, all scales are 1
   * @param residual whether a tensor of the result's shape is added to it in the end
   * @param relu whether max(0, x) ends it
   */
  record Convolution(
      String name,
      Window window,
      int groups,
      int images,
      int height,
      int width,
      int channels,
      int outputs,
      boolean scaled,
      boolean residual,
      boolean relu) {}

  /** Each is computed from the other two tensors of a convolution. */
  enum Product {
    /** The output, from input and weights. */
    OUTPUT,
    /** The gradient of the input, from that of the output and the weights. */
    INPUT_GRADIENT,
    /**
     * The gradient of the weights, from the input and the gradient of the output. Stored as the
     * weights, not in float32.
     */
    WEIGHT_GRADIENT
  }

  /**
   * A batch norm with the batch's statistics and what follows it, {@code [relu](norm(raw) +
   * residual)}.
   *
   * @param name for messages
   * @param images batch
   * @param height rows
   * @param width columns
   * @param channels of all tensors
   * @param epsilon added to the variance
   * @param momentum share of the batch in the running statistics
   * @param residual whether a tensor of the same shape is added
   * @param relu whether max(0, x) ends it
   */
  record BatchNorm(
      String name,
      int images,
      int height,
      int width,
      int channels,
      double epsilon,
      double momentum,
      boolean residual,
      boolean relu) {}

  /**
   * Where what a batch norm has per channel is on the device, all floats.
   *
   * @param gamma scale
   * @param beta shift
   * @param runningMean moved by the forward pass
   * @param runningVariance moved by the forward pass, with the unbiased variance
   * @param mean of the batch, for the backward pass
   * @param inverse of the batch's deviation, for the backward pass
   */
  record Channels(
      long gamma, long beta, long runningMean, long runningVariance, long mean, long inverse) {}

  /**
   * Whether weights of networks for inference come multiplied by the scales of their results, which
   * are 1 then: for libraries that can add a bias to a convolution, but not scale it by a vector.
   *
   * @return the same for all convolutions
   */
  default boolean foldsScales() {
    return false;
  }

  /**
   * Chooses how to run a convolution.
   *
   * @param convolution which
   * @return to be closed
   * @throws io.resfuse.engine.EngineException if the library cannot run it
   */
  PreparedConvolution prepare(Convolution convolution);

  /**
   * Chooses how to compute a product.
   *
   * @param product which
   * @param convolution of what; residual and ReLU are no part of it
   * @return to be closed
   * @throws io.resfuse.engine.EngineException if the library cannot compute it
   */
  PreparedProduct prepare(Product product, Convolution convolution);

  /**
   * Chooses how to normalise.
   *
   * @param norm which batch norm
   * @return to be closed
   * @throws io.resfuse.engine.EngineException if the library cannot do it
   */
  PreparedNorm prepare(BatchNorm norm);

  /**
   * Chooses how to convolve with the statistics of the result in the same pass. Kernels of ours
   * then normalise, add and rectify, and go back through the batch norm.
   *
   * @param convolution residual and ReLU are no part of it
   * @param norm the batch norm after it
   * @return to be closed; empty if the library has no such convolution
   */
  Optional<PreparedStatistics> prepare(Convolution convolution, BatchNorm norm);

  /**
   * Chooses how to compute the gradient of a convolution's input together with what the batch norm
   * before it, which ends in a ReLU, needs of it. A kernel of ours then applies the coefficients.
   *
   * @param convolution residual and ReLU are no part of it
   * @param norm whose result is all that the convolution reads
   * @return to be closed; empty if the library cannot do both at once
   */
  Optional<PreparedWayBack> prepareWayBack(Convolution convolution, BatchNorm norm);
}
