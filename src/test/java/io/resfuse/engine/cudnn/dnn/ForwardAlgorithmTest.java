package io.resfuse.engine.cudnn.dnn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.EngineException;
import java.util.List;
import jcuda.jcudnn.cudnnConvolutionFwdAlgo;
import jcuda.jcudnn.cudnnConvolutionFwdAlgoPerf;
import jcuda.jcudnn.cudnnMathType;
import org.junit.jupiter.api.Test;

/** Which of cuDNN's offers is taken. cuDNN is not needed. */
class ForwardAlgorithmTest {
  private static final int WINOGRAD = cudnnConvolutionFwdAlgo.CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD;
  private static final int GEMM = cudnnConvolutionFwdAlgo.CUDNN_CONVOLUTION_FWD_ALGO_GEMM;
  private static final int NOT_SUPPORTED = 3000;

  private static cudnnConvolutionFwdAlgoPerf offer(int algorithm, int status, int mathType) {
    return new cudnnConvolutionFwdAlgoPerf(
        algorithm, status, 1, 100L + algorithm, 0, mathType, new int[3]);
  }

  private static ForwardAlgorithm first(int allowed, cudnnConvolutionFwdAlgoPerf... offers) {
    return ForwardAlgorithm.first(List.of(offers), allowed, "layer1.0.conv1 in FP16");
  }

  @Test
  void takesTheFastestThatWorks() {
    ForwardAlgorithm algorithm =
        first(
            cudnnMathType.CUDNN_TENSOR_OP_MATH,
            offer(0, NOT_SUPPORTED, cudnnMathType.CUDNN_TENSOR_OP_MATH),
            offer(WINOGRAD, 0, cudnnMathType.CUDNN_TENSOR_OP_MATH),
            offer(GEMM, 0, cudnnMathType.CUDNN_FMA_MATH));
    assertThat(algorithm)
        .isEqualTo(
            new ForwardAlgorithm(WINOGRAD, cudnnMathType.CUDNN_TENSOR_OP_MATH, 100L + WINOGRAD));
  }

  /** True fp32 is no TF32, and nothing is rounded to half. */
  @Test
  void takesNothingCoarserThanAllowed() {
    cudnnConvolutionFwdAlgoPerf[] offers = {
      offer(0, 0, cudnnMathType.CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION),
      offer(WINOGRAD, 0, cudnnMathType.CUDNN_DEFAULT_MATH),
      offer(GEMM, 0, cudnnMathType.CUDNN_FMA_MATH)
    };
    assertThat(first(cudnnMathType.CUDNN_FMA_MATH, offers).number()).isEqualTo(GEMM);
    assertThat(first(cudnnMathType.CUDNN_DEFAULT_MATH, offers).number()).isEqualTo(WINOGRAD);
  }

  @Test
  void saysWhatWasOffered() {
    assertThatThrownBy(
            () ->
                first(
                    cudnnMathType.CUDNN_FMA_MATH,
                    offer(GEMM, NOT_SUPPORTED, cudnnMathType.CUDNN_FMA_MATH)))
        .isInstanceOf(EngineException.class)
        .hasMessage(
            "cuDNN has no algorithm for layer1.0.conv1 in FP16; it offers"
                + " CUDNN_CONVOLUTION_FWD_ALGO_GEMM in CUDNN_FMA_MATH (status 3000)");
  }
}
