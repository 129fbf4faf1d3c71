package io.resfuse.engine.cudnn.internal.dnn;

import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnFilterDescriptor;
import jcuda.jcudnn.cudnnTensorFormat;

/** The weights of a convolution, (out, rows, columns, in / groups) without gaps. Immutable. */
public final class FilterDescriptor extends DnnObject<cudnnFilterDescriptor> {
  /**
   * Describes weights.
   *
   * @param type how they are stored
   * @param outputs output channels
   * @param channels input channels of a group
   * @param kernel rows and columns
   * @throws io.resfuse.engine.EngineException if cuDNN does not take it
   */
  public FilterDescriptor(DnnType type, int outputs, int channels, int kernel) {
    super(
        new cudnnFilterDescriptor(),
        JCudnn::cudnnCreateFilterDescriptor,
        JCudnn::cudnnDestroyFilterDescriptor,
        "a filter descriptor");
    configure(
        () ->
            JCudnn.cudnnSetFilter4dDescriptor(
                handle(),
                type.dataType(),
                cudnnTensorFormat.CUDNN_TENSOR_NHWC,
                outputs,
                channels,
                kernel,
                kernel),
        String.format(
            "describing weights of %d x %d x %d x %d", outputs, channels, kernel, kernel));
  }
}
