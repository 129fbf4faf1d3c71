package io.resfuse.engine.cudnn.internal.dnn;

import io.resfuse.engine.Operation.Window;
import io.resfuse.tensor.Shape;
import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnNanPropagation;
import jcuda.jcudnn.cudnnPoolingDescriptor;
import jcuda.jcudnn.cudnnPoolingMode;

/** A deterministic max pool that hands NaN on. Immutable. */
public final class PoolingDescriptor extends DnnObject<cudnnPoolingDescriptor> {
  /**
   * Describes a max pool.
   *
   * @param window geometry, dilation 1
   * @throws io.resfuse.engine.EngineException if cuDNN does not take it
   */
  public PoolingDescriptor(Window window) {
    super(
        new cudnnPoolingDescriptor(),
        JCudnn::cudnnCreatePoolingDescriptor,
        JCudnn::cudnnDestroyPoolingDescriptor,
        "a pooling descriptor");
    configure(
        () ->
            JCudnn.cudnnSetPooling2dDescriptor(
                handle(),
                cudnnPoolingMode.CUDNN_POOLING_MAX_DETERMINISTIC,
                cudnnNanPropagation.CUDNN_PROPAGATE_NAN,
                window.kernel(),
                window.kernel(),
                window.padding(),
                window.padding(),
                window.stride(),
                window.stride()),
        "describing a max pool with " + window);
  }

  /**
   * The shape that cuDNN gives the result.
   *
   * @param input what is pooled
   * @return (batch, channels, height, width)
   */
  public Shape outputShape(TensorDescriptor input) {
    int[][] sizes = new int[4][1];
    Dnn.check(
        JCudnn.cudnnGetPooling2dForwardOutputDim(
            handle(), input.handle(), sizes[0], sizes[1], sizes[2], sizes[3]),
        "asking for the shape of a max pool's result");
    return Shape.of(sizes[0][0], sizes[1][0], sizes[2][0], sizes[3][0]);
  }
}
