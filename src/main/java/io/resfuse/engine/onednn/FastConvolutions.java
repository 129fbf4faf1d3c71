package io.resfuse.engine.onednn;

import io.resfuse.engine.ConvolutionAlgorithm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.Window;
import io.resfuse.platform.CpuCaches;
import io.resfuse.tensor.Shape;
import org.jspecify.annotations.Nullable;

/**
 * Which convolutions of a plan are fast ones.
 *
 * @param algorithm what was asked for
 * @param threads of the plan
 * @param batchInvariant whether the batch has no say: what is worth it for one image is fast
 * @param caches of each thread
 */
record FastConvolutions(
    ConvolutionAlgorithm algorithm, int threads, boolean batchInvariant, CpuCaches caches) {
  private static final Window WINDOW = new Window(3, 1, 1, 1);

  /**
   * The fast way for a convolution, if there is one and it was asked for or is worth it.
   *
   * @param conv the convolution
   * @param input the shape of what it reads; its batch does not count
   * @param images that it is for
   * @param judged the number of images for which it has to be worth it
   * @param type of the elements
   * @param block channels that lie together, 0 for NHWC
   * @return null for a direct convolution
   */
  @Nullable FastConvolution of(
      FusedConv conv, Shape input, int images, int judged, int type, int block) {
    if (algorithm == ConvolutionAlgorithm.DIRECT
        || type != Dnnl.F32
        || conv.groups() != 1
        || !conv.window().equals(WINDOW)
        || !CpuKernels.canConvolve()) {
      return null;
    }
    FastConvolution fast = of(conv, input, images, block);
    boolean wanted =
        algorithm == ConvolutionAlgorithm.FAST || of(conv, input, judged, block).isWorthIt();
    return fast.fits() && wanted ? fast : null;
  }

  private FastConvolution of(FusedConv conv, Shape input, int images, int block) {
    return new FastConvolution(
        images,
        conv.input().channels(),
        conv.output().channels(),
        input.dimension(2),
        input.dimension(3),
        block,
        false,
        threads,
        caches,
        false);
  }

  /** Whether the gradient of a fast convolution's weights is to be found so, too. */
  boolean takesGradient(FastConvolution fast) {
    return algorithm == ConvolutionAlgorithm.FAST || fast.isGradientWorthIt();
  }
}
