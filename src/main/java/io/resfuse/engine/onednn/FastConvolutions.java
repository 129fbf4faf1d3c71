package io.resfuse.engine.onednn;

import io.resfuse.engine.ConvolutionAlgorithm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.tensor.Shape;
import org.jspecify.annotations.Nullable;

/**
 * Which convolutions of a plan are fast ones.
 *
 * @param algorithm what was asked for
 * @param threads of the plan
 */
record FastConvolutions(ConvolutionAlgorithm algorithm, int threads) {
  /**
   * The fast way for a convolution.
   *
   * @param conv the convolution
   * @param input the shape of what it reads; its batch does not count
   * @param images in the batch
   * @param type of the elements
   * @param block channels that lie together, 0 for NHWC
   * @return null for a direct convolution
   */
  @Nullable FastConvolution of(FusedConv conv, Shape input, int images, int type, int block) {
    return FastConvolution.of(algorithm, conv, input, images, type, block, threads);
  }
}
