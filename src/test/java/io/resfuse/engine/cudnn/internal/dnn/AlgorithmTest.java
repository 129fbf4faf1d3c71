package io.resfuse.engine.cudnn.internal.dnn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.EngineException;
import java.util.List;
import jcuda.jcudnn.cudnnConvolutionFwdAlgo;
import jcuda.jcudnn.cudnnDeterminism;
import jcuda.jcudnn.cudnnMathType;
import org.junit.jupiter.api.Test;

/** Which of cuDNN's offers is taken. cuDNN is not needed. */
class AlgorithmTest {
  private static final int WINOGRAD = cudnnConvolutionFwdAlgo.CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD;
  private static final int GEMM = cudnnConvolutionFwdAlgo.CUDNN_CONVOLUTION_FWD_ALGO_GEMM;
  private static final int NOT_SUPPORTED = 3000;
  private static final int SAME_BITS = cudnnDeterminism.CUDNN_DETERMINISTIC;

  private static Algorithm.Offer offer(int algorithm, int status, int determinism, int mathType) {
    String name = cudnnConvolutionFwdAlgo.stringFor(algorithm);
    return new Algorithm.Offer(name, algorithm, status, 100L + algorithm, determinism, mathType);
  }

  private static Algorithm first(int allowed, Algorithm.Offer... offers) {
    return Algorithm.first(List.of(offers), allowed, "the output of layer1.0.conv1 in FP16");
  }

  @Test
  void takesTheFastestThatWorks() {
    Algorithm algorithm =
        first(
            cudnnMathType.CUDNN_TENSOR_OP_MATH,
            offer(0, NOT_SUPPORTED, SAME_BITS, cudnnMathType.CUDNN_TENSOR_OP_MATH),
            offer(WINOGRAD, 0, SAME_BITS, cudnnMathType.CUDNN_TENSOR_OP_MATH),
            offer(GEMM, 0, SAME_BITS, cudnnMathType.CUDNN_FMA_MATH));
    assertThat(algorithm)
        .isEqualTo(new Algorithm(WINOGRAD, cudnnMathType.CUDNN_TENSOR_OP_MATH, 100L + WINOGRAD));
  }

  /** True fp32 is no TF32, and nothing is rounded to half. */
  @Test
  void takesNothingCoarserThanAllowed() {
    Algorithm.Offer[] offers = {
      offer(0, 0, SAME_BITS, cudnnMathType.CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION),
      offer(WINOGRAD, 0, SAME_BITS, cudnnMathType.CUDNN_DEFAULT_MATH),
      offer(GEMM, 0, SAME_BITS, cudnnMathType.CUDNN_FMA_MATH)
    };
    assertThat(first(cudnnMathType.CUDNN_FMA_MATH, offers).number()).isEqualTo(GEMM);
    assertThat(first(cudnnMathType.CUDNN_DEFAULT_MATH, offers).number()).isEqualTo(WINOGRAD);
  }

  /** Engines give the same bits for the same input: no sums of atomic additions. */
  @Test
  void takesOnlyWhatIsDeterministic() {
    assertThat(
            first(
                    cudnnMathType.CUDNN_FMA_MATH,
                    offer(
                        WINOGRAD,
                        0,
                        cudnnDeterminism.CUDNN_NON_DETERMINISTIC,
                        cudnnMathType.CUDNN_FMA_MATH),
                    offer(GEMM, 0, SAME_BITS, cudnnMathType.CUDNN_FMA_MATH))
                .number())
        .isEqualTo(GEMM);
  }

  @Test
  void aBiasWithoutReluLeavesOneAlgorithm() {
    int precomputed = cudnnConvolutionFwdAlgo.CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
    int math = cudnnMathType.CUDNN_FMA_MATH;
    List<Algorithm.Offer> offers =
        List.of(offer(WINOGRAD, 0, SAME_BITS, math), offer(precomputed, 0, SAME_BITS, math));
    assertThat(BiasedConvolution.usable(offers, true)).isEqualTo(offers);
    assertThat(BiasedConvolution.usable(offers, false)).containsExactly(offers.get(1));
  }

  @Test
  void saysWhatWasOffered() {
    assertThatThrownBy(
            () ->
                first(
                    cudnnMathType.CUDNN_FMA_MATH,
                    offer(GEMM, NOT_SUPPORTED, SAME_BITS, cudnnMathType.CUDNN_FMA_MATH),
                    offer(
                        WINOGRAD,
                        0,
                        cudnnDeterminism.CUDNN_NON_DETERMINISTIC,
                        cudnnMathType.CUDNN_FMA_MATH)))
        .isInstanceOf(EngineException.class)
        .hasMessage(
            "cuDNN has no algorithm for the output of layer1.0.conv1 in FP16; it offers"
                + " CUDNN_CONVOLUTION_FWD_ALGO_GEMM in CUDNN_FMA_MATH (status 3000),"
                + " CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD in CUDNN_FMA_MATH, not deterministic"
                + " (status 0)");
  }
}
