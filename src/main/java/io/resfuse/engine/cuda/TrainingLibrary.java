package io.resfuse.engine.cuda;

import io.resfuse.engine.cuda.driver.Stream;
import java.util.Optional;

/**
 * Runs convolutions and batch norms of training, too, in the place of our kernels. Tensors lie as
 * for {@link ConvolutionLibrary}; what a batch norm keeps per channel is float32.
 */
public interface TrainingLibrary extends ConvolutionLibrary {
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
   * Where a product's tensors, or their gradients, are on the device.
   *
   * @param input of the convolution
   * @param weights of the convolution
   * @param output of the convolution
   * @param workspace as much as was asked for; 0 for none
   */
  record Tensors(long input, long weights, long output, long workspace) {}

  /** A product that is ready to run. Not thread-safe. */
  interface PreparedProduct extends AutoCloseable {
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

  /** A batch norm that is ready to run. Not thread-safe. */
  interface PreparedNorm extends AutoCloseable {
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
    void forward(Stream stream, NormForward at, Channels channels);

    /**
     * Starts the backward pass. May be recorded in a graph.
     *
     * @param stream where
     * @param at its tensors
     * @param channels its vectors
     * @param accumulate whether to add to the gradients of gamma and beta that are there
     */
    void backward(Stream stream, NormBackward at, Channels channels, boolean accumulate);

    /** Frees what it holds on the host; what was started or recorded goes on. */
    @Override
    void close();
  }

  /**
   * Chooses how to normalise.
   *
   * @param norm which batch norm
   * @return to be closed
   * @throws io.resfuse.engine.EngineException if the library cannot do it
   */
  PreparedNorm prepare(BatchNorm norm);

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

  /** A convolution with the statistics of a batch norm that is ready to run. Not thread-safe. */
  interface PreparedStatistics extends AutoCloseable {
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
    void run(Stream stream, Statistics at, Channels channels);

    /** Frees what it holds on the host; what was started or recorded goes on. */
    @Override
    void close();
  }

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

  /** The way back through a convolution and the batch norm before it. Not thread-safe. */
  interface PreparedWayBack extends AutoCloseable {
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
    void run(Stream stream, WayBack at, Channels channels, boolean accumulate);

    /** Frees what it holds on the host; what was started or recorded goes on. */
    @Override
    void close();
  }

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
