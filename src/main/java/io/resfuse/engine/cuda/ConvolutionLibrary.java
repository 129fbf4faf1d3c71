package io.resfuse.engine.cuda;

import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.cuda.driver.Stream;

/**
 * Runs convolutions in the place of our kernels, for engines that share everything else with the
 * engine {@code cuda}. Tensors are NHWC without gaps, as the network's precision stores them;
 * weights are (out, rows, columns, in / groups). Channels that a network does not have are zeros: a
 * tensor's channels are a multiple of 8, an image's may be 4.
 */
public interface ConvolutionLibrary {
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

  /** A convolution that is ready to run. Not thread-safe. */
  interface Prepared extends AutoCloseable {
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
  Prepared prepare(Convolution convolution);
}
