package io.resfuse.engine.cudnn.internal.dnn;

import io.resfuse.engine.EngineException;
import java.util.List;
import java.util.stream.Collectors;
import jcuda.jcudnn.cudnnDeterminism;
import jcuda.jcudnn.cudnnMathType;

/**
 * One of cuDNN's ways to compute a product of a convolution.
 *
 * @param number of cuDNN's enumeration
 * @param mathType in what it multiplies
 * @param workspaceBytes the scratch memory that it needs
 */
record Algorithm(int number, int mathType, long workspaceBytes) {
  /**
   * What cuDNN says of one.
   *
   * @param name cuDNN's
   * @param number of cuDNN's enumeration
   * @param status 0 if it can be used
   * @param workspaceBytes the scratch memory that it needs
   * @param determinism of {@link cudnnDeterminism}
   * @param mathType of {@link cudnnMathType}
   */
  record Offer(
      String name, int number, int status, long workspaceBytes, int determinism, int mathType) {
    private boolean isDeterministic() {
      return determinism == cudnnDeterminism.CUDNN_DETERMINISTIC;
    }

    @Override
    public String toString() {
      return String.format(
          "%s in %s%s (status %d)",
          name,
          cudnnMathType.stringFor(mathType),
          isDeterministic() ? "" : ", not deterministic",
          status);
    }
  }

  /**
   * The first that works, gives the same bits each time and multiplies at least as exactly as was
   * asked for.
   *
   * @param offers of cuDNN, the fastest first
   * @param allowed the coarsest math type
   * @param doing for messages
   */
  static Algorithm first(List<Offer> offers, int allowed, String doing) {
    return offers.stream()
        .filter(offer -> offer.status() == 0 && offer.isDeterministic())
        .filter(offer -> isAllowed(offer.mathType(), allowed))
        .findFirst()
        .map(offer -> new Algorithm(offer.number(), offer.mathType(), offer.workspaceBytes()))
        .orElseThrow(
            () ->
                new EngineException(
                    "cuDNN has no algorithm for "
                        + doing
                        + "; it offers "
                        + offers.stream().map(Offer::toString).collect(Collectors.joining(", "))));
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
}
