package io.resfuse.engine.cudnn.dnn;

import io.resfuse.engine.EngineException;
import java.util.List;
import java.util.stream.Collectors;
import jcuda.jcudnn.cudnnConvolutionFwdAlgo;
import jcuda.jcudnn.cudnnConvolutionFwdAlgoPerf;
import jcuda.jcudnn.cudnnMathType;

/**
 * One of cuDNN's ways to convolve.
 *
 * @param number of cuDNN's enumeration
 * @param mathType in what it multiplies
 * @param workspaceBytes the scratch memory that it needs
 */
record ForwardAlgorithm(int number, int mathType, long workspaceBytes) {
  /**
   * The first that works and multiplies at least as exactly as was asked for.
   *
   * @param offers of cuDNN, the fastest first
   * @param allowed the coarsest math type
   * @param doing for messages
   */
  static ForwardAlgorithm first(
      List<cudnnConvolutionFwdAlgoPerf> offers, int allowed, String doing) {
    return offers.stream()
        .filter(offer -> offer.status == 0 && isAllowed(offer.mathType, allowed))
        .findFirst()
        .map(offer -> new ForwardAlgorithm(offer.algo, offer.mathType, offer.memory))
        .orElseThrow(
            () ->
                new EngineException(
                    "cuDNN has no algorithm for "
                        + doing
                        + "; it offers "
                        + offers.stream()
                            .map(ForwardAlgorithm::describe)
                            .collect(Collectors.joining(", "))));
  }

  /**
   * Whether a way to multiply is no coarser than another. {@code CUDNN_DEFAULT_MATH} may round
   * float32 to TF32, {@code CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION} even to half.
   */
  private static boolean isAllowed(int mathType, int allowed) {
    return switch (mathType) {
      case cudnnMathType.CUDNN_FMA_MATH -> true;
      case cudnnMathType.CUDNN_DEFAULT_MATH, cudnnMathType.CUDNN_TENSOR_OP_MATH ->
          allowed != cudnnMathType.CUDNN_FMA_MATH;
      default -> false;
    };
  }

  private static String describe(cudnnConvolutionFwdAlgoPerf offer) {
    return cudnnConvolutionFwdAlgo.stringFor(offer.algo)
        + " in "
        + cudnnMathType.stringFor(offer.mathType)
        + " (status "
        + offer.status
        + ")";
  }
}
