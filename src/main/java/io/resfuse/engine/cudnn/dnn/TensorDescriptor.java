package io.resfuse.engine.cudnn.dnn;

import io.resfuse.tensor.Shape;
import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnTensorDescriptor;

/** An activation, NHWC. Immutable. */
public final class TensorDescriptor extends DnnObject<cudnnTensorDescriptor> {
  /**
   * Describes a tensor.
   *
   * @param type how it is stored
   * @param shape (batch, channels, height, width)
   * @param pitch elements from one pixel to the next, at least the channels
   * @throws io.resfuse.engine.EngineException if cuDNN does not take it
   */
  public TensorDescriptor(DnnType type, Shape shape, int pitch) {
    super(
        new cudnnTensorDescriptor(),
        JCudnn::cudnnCreateTensorDescriptor,
        JCudnn::cudnnDestroyTensorDescriptor,
        "a tensor descriptor");
    int height = shape.dimension(2);
    int width = shape.dimension(3);
    configure(
        () ->
            JCudnn.cudnnSetTensor4dDescriptorEx(
                handle(),
                type.dataType(),
                shape.dimension(0),
                shape.dimension(1),
                height,
                width,
                Math.multiplyExact(height * width, pitch),
                1,
                width * pitch,
                pitch),
        "describing a tensor of shape " + shape);
  }
}
