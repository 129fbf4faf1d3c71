package io.resfuse.engine.cudnn.internal.dnn;

import io.resfuse.tensor.Shape;
import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnBatchNormMode;
import jcuda.jcudnn.cudnnDataType;
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
    this();
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

  /** One float for each of a number of channels. */
  static TensorDescriptor ofVector(int channels) {
    return new TensorDescriptor(DnnType.FP32, Shape.of(1, channels, 1, 1), channels);
  }

  private TensorDescriptor() {
    super(
        new cudnnTensorDescriptor(),
        JCudnn::cudnnCreateTensorDescriptor,
        JCudnn::cudnnDestroyTensorDescriptor,
        "a tensor descriptor");
  }

  /**
   * Lets cuDNN describe what a batch norm keeps per channel.
   *
   * @param normalised the tensor that is normalised
   * @return to be closed
   * @throws io.resfuse.engine.EngineException if cuDNN does not take it
   */
  public static TensorDescriptor ofChannels(TensorDescriptor normalised) {
    TensorDescriptor channels = new TensorDescriptor();
    channels.configure(
        () ->
            JCudnn.cudnnDeriveBNTensorDescriptor(
                channels.handle(),
                normalised.handle(),
                cudnnBatchNormMode.CUDNN_BATCHNORM_SPATIAL_PERSISTENT),
        "describing the vectors of a batch norm");
    return channels;
  }

  /**
   * What it describes, as cuDNN tells.
   *
   * @return for example {@code CUDNN_DATA_FLOAT (1, 64, 1, 1)}
   */
  public String content() {
    int[][] values = new int[9][1];
    Dnn.check(
        JCudnn.cudnnGetTensor4dDescriptor(
            handle(), values[0], values[1], values[2], values[3], values[4], values[5], values[6],
            values[7], values[8]),
        "asking what a descriptor describes");
    return String.format(
        "%s (%d, %d, %d, %d)",
        cudnnDataType.stringFor(values[0][0]),
        values[1][0],
        values[2][0],
        values[3][0],
        values[4][0]);
  }
}
