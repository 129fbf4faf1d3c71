package io.resfuse.engine.cudnn.internal.dnn;

import io.resfuse.engine.Operation.Window;
import io.resfuse.tensor.Shape;
import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnConvolutionDescriptor;
import jcuda.jcudnn.cudnnConvolutionMode;
import jcuda.jcudnn.cudnnDataType;

/** The geometry and arithmetic of a convolution; sums are float32. */
public final class ConvolutionDescriptor extends DnnObject<cudnnConvolutionDescriptor> {
  /**
   * Describes a convolution.
   *
   * @param type in what it multiplies
   * @param window geometry
   * @param groups groups of channels
   * @param tensorCores false keeps cuDNN from using them
   * @throws io.resfuse.engine.EngineException if cuDNN does not take it
   */
  public ConvolutionDescriptor(DnnType type, Window window, int groups, boolean tensorCores) {
    super(
        new cudnnConvolutionDescriptor(),
        JCudnn::cudnnCreateConvolutionDescriptor,
        JCudnn::cudnnDestroyConvolutionDescriptor,
        "a convolution descriptor");
    String doing = "describing a convolution with " + window;
    configure(
        () ->
            JCudnn.cudnnSetConvolution2dDescriptor(
                handle(),
                window.padding(),
                window.padding(),
                window.stride(),
                window.stride(),
                window.dilation(),
                window.dilation(),
                cudnnConvolutionMode.CUDNN_CROSS_CORRELATION,
                cudnnDataType.CUDNN_DATA_FLOAT),
        doing);
    configure(() -> JCudnn.cudnnSetConvolutionGroupCount(handle(), groups), doing);
    configure(
        () -> JCudnn.cudnnSetConvolutionMathType(handle(), type.mathType(tensorCores)), doing);
  }

  /**
   * The shape that cuDNN gives the result.
   *
   * @param input what is convolved
   * @param weights with what
   * @return (batch, channels, height, width)
   * @throws io.resfuse.engine.EngineException if they do not fit together
   */
  public Shape outputShape(TensorDescriptor input, FilterDescriptor weights) {
    int[][] sizes = new int[4][1];
    Dnn.check(
        JCudnn.cudnnGetConvolution2dForwardOutputDim(
            handle(), input.handle(), weights.handle(), sizes[0], sizes[1], sizes[2], sizes[3]),
        "asking for the shape of a convolution's result");
    return Shape.of(sizes[0][0], sizes[1][0], sizes[2][0], sizes[3][0]);
  }

  /** Narrows how it may multiply to what an algorithm does. */
  void setMathType(int mathType) {
    Dnn.check(
        JCudnn.cudnnSetConvolutionMathType(handle(), mathType),
        "setting a convolution's math type");
  }

  /**
   * How it may multiply, as cuDNN tells.
   *
   * @return cuDNN's name: {@code CUDNN_FMA_MATH}, {@code CUDNN_TENSOR_OP_MATH}, ...
   */
  public String mathType() {
    int[] type = new int[1];
    Dnn.check(
        JCudnn.cudnnGetConvolutionMathType(handle(), type), "asking for a convolution's math type");
    return jcuda.jcudnn.cudnnMathType.stringFor(type[0]);
  }
}
