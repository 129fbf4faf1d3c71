package io.resfuse.weights.onnx;

import io.resfuse.engine.Operation.Window;
import io.resfuse.weights.format.OnnxNode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A graph as the parts of a ResNet.
 *
 * @param inputChannels of the picture
 * @param stems one convolution, or the three of a deep stem, a ReLU after each
 * @param pool max pooling after it, or null
 * @param blocks in their order
 * @param head the linear layer, or null
 * @param notes what was left out, one sentence each
 */
record MatchedNetwork(
    int inputChannels,
    List<Conv> stems,
    @Nullable Pool pool,
    List<Block> blocks,
    @Nullable Head head,
    List<String> notes) {
  /** The first convolution. */
  Conv stem() {
    return stems.get(0);
  }

  /**
   * A convolution.
   *
   * @param node where it stands
   * @param weight (out, in / groups, kernel, kernel)
   * @param bias (out), or null
   * @param norm the batch norm after it, or null
   * @param window geometry
   * @param groups groups of channels
   */
  record Conv(
      OnnxNode node,
      Constant weight,
      @Nullable Constant bias,
      @Nullable Norm norm,
      Window window,
      int groups) {
    int outChannels() {
      return weight.shape().dimension(0);
    }
  }

  /**
   * A batch norm.
   *
   * @param node where it stands
   * @param gamma scale
   * @param beta shift
   * @param mean running mean
   * @param variance running variance
   * @param epsilon added to the variance
   * @param momentum share of the new batch, PyTorch's sense
   */
  record Norm(
      OnnxNode node,
      Constant gamma,
      Constant beta,
      Constant mean,
      Constant variance,
      double epsilon,
      double momentum) {}

  /**
   * Max pooling.
   *
   * @param node where it stands
   * @param window geometry
   */
  record Pool(OnnxNode node, Window window) {}

  /**
   * A block.
   *
   * @param convs two or three, a ReLU after each
   * @param gate squeeze and excitation of the last one's result, or null
   * @param residual whether something is added before the last ReLU
   * @param projection what is added is a convolution of the block's input, or null
   * @param average the average pooling between the two, or null
   * @param subsampling what is added is part of the block's input, or null
   */
  record Block(
      List<Conv> convs,
      @Nullable Gate gate,
      boolean residual,
      @Nullable Conv projection,
      @Nullable OnnxNode average,
      @Nullable Subsampling subsampling) {
    int outChannels() {
      return convs.get(convs.size() - 1).outChannels();
    }
  }

  /**
   * Squeeze and excitation.
   *
   * @param node the multiplication
   * @param reduce to fewer channels, with a bias
   * @param expand back, with a bias
   */
  record Gate(OnnxNode node, Conv reduce, Conv expand) {}

  /**
   * Every stride-th pixel, with channels of zeros before and after.
   *
   * @param node where it ends
   * @param stride step in both directions
   * @param before channels of zeros
   * @param after channels of zeros
   */
  record Subsampling(OnnxNode node, int stride, int before, int after) {}

  /**
   * The linear layer.
   *
   * @param node where it stands
   * @param weight (out, in)
   * @param bias (out), or null
   */
  record Head(OnnxNode node, Constant weight, @Nullable Constant bias) {}
}
