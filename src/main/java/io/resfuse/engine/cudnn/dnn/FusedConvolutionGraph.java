package io.resfuse.engine.cudnn.dnn;

import static jcuda.jcudnn.cudnnBackendAttributeName.*;
import static jcuda.jcudnn.cudnnBackendAttributeType.CUDNN_TYPE_CONVOLUTION_MODE;
import static jcuda.jcudnn.cudnnBackendAttributeType.CUDNN_TYPE_DATA_TYPE;
import static jcuda.jcudnn.cudnnBackendAttributeType.CUDNN_TYPE_POINTWISE_MODE;
import static jcuda.jcudnn.cudnnBackendDescriptorType.*;

import io.resfuse.engine.Operation.Window;
import io.resfuse.tensor.Shape;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import jcuda.jcudnn.cudnnConvolutionMode;
import jcuda.jcudnn.cudnnDataType;
import jcuda.jcudnn.cudnnPointwiseMode;

/**
 * {@code relu(scale * convolution(input, weights) + bias + residual)} as one graph of cuDNN's,
 * which may run as one kernel; residual and ReLU are optional. Tensors are NHWC without gaps, scale
 * and bias one float per channel; what lies between is float and virtual. Not thread-safe.
 */
public final class FusedConvolutionGraph implements AutoCloseable {
  /** Every tensor begins at a multiple of it, in bytes. */
  private static final int ALIGNMENT = 16;

  private final Deque<BackendDescriptor> owned = new ArrayDeque<>();
  private final List<BackendDescriptor> operations = new ArrayList<>();
  private long tensors;

  /**
   * What is convolved.
   *
   * @param type how tensors and weights are stored
   * @param window geometry
   * @param groups groups of channels
   * @param input (batch, channels, height, width)
   * @param outputs output channels
   * @param residual whether a tensor of the result's shape is added
   * @param relu whether max(0, x) ends it
   */
  public record Spec(
      DnnType type,
      Window window,
      int groups,
      Shape input,
      int outputs,
      boolean residual,
      boolean relu) {
    /**
     * The result's shape.
     *
     * @return (batch, outputs, height, width)
     */
    public Shape output() {
      return Shape.of(
          input.dimension(0),
          outputs,
          window.outputSize(input.dimension(2)),
          window.outputSize(input.dimension(3)));
    }
  }

  /**
   * Describes and finalises the operations, which cuDNN checks against each other; no device is
   * needed for that.
   *
   * @param spec what to convolve
   * @throws io.resfuse.engine.EngineException if cuDNN does not take an operation
   */
  public FusedConvolutionGraph(Spec spec) {
    boolean done = false;
    try {
      build(spec);
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  private void build(Spec spec) {
    int stored = spec.type().dataType();
    int channels = spec.outputs();
    Shape result = spec.output();
    Shape perChannel = Shape.of(1, channels, 1, 1);
    Shape weights =
        Shape.of(
            channels,
            spec.input().dimension(1) / spec.groups(),
            spec.window().kernel(),
            spec.window().kernel());
    BackendDescriptor value = between(result);
    operations.add(
        create(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR)
            .descriptors(
                CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, convolution(spec.window()))
            .descriptors(
                CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, tensor(stored, spec.input(), false))
            .descriptors(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, tensor(stored, weights, false))
            .descriptors(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, value)
            .real(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1)
            .real(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0)
            .complete());
    value =
        combine(cudnnPointwiseMode.CUDNN_POINTWISE_MUL, value, floats(perChannel), between(result));
    boolean more = spec.residual() || spec.relu();
    value =
        combine(
            cudnnPointwiseMode.CUDNN_POINTWISE_ADD,
            value,
            floats(perChannel),
            more ? between(result) : tensor(stored, result, false));
    if (spec.residual()) {
      value =
          combine(
              cudnnPointwiseMode.CUDNN_POINTWISE_ADD,
              value,
              tensor(stored, result, false),
              spec.relu() ? between(result) : tensor(stored, result, false));
    }
    if (spec.relu()) {
      operations.add(
          create(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
              .descriptors(
                  CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR,
                  pointwise(cudnnPointwiseMode.CUDNN_POINTWISE_RELU_FWD))
              .descriptors(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, value)
              .descriptors(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, tensor(stored, result, false))
              .complete());
    }
  }

  private BackendDescriptor combine(
      int mode, BackendDescriptor left, BackendDescriptor right, BackendDescriptor result) {
    operations.add(
        create(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
            .descriptors(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, pointwise(mode))
            .descriptors(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, left)
            .descriptors(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, right)
            .descriptors(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, result)
            .complete());
    return result;
  }

  private BackendDescriptor convolution(Window window) {
    return create(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR)
        .choice(
            CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, cudnnDataType.CUDNN_DATA_FLOAT)
        .choice(
            CUDNN_ATTR_CONVOLUTION_CONV_MODE,
            CUDNN_TYPE_CONVOLUTION_MODE,
            cudnnConvolutionMode.CUDNN_CROSS_CORRELATION)
        .longs(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 2)
        .longs(CUDNN_ATTR_CONVOLUTION_DILATIONS, window.dilation(), window.dilation())
        .longs(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, window.stride(), window.stride())
        .longs(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, window.padding(), window.padding())
        .longs(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, window.padding(), window.padding())
        .complete();
  }

  private BackendDescriptor pointwise(int mode) {
    return create(CUDNN_BACKEND_POINTWISE_DESCRIPTOR)
        .choice(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, mode)
        .choice(
            CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, cudnnDataType.CUDNN_DATA_FLOAT)
        .complete();
  }

  private BackendDescriptor between(Shape shape) {
    return tensor(cudnnDataType.CUDNN_DATA_FLOAT, shape, true);
  }

  private BackendDescriptor floats(Shape shape) {
    return tensor(cudnnDataType.CUDNN_DATA_FLOAT, shape, false);
  }

  private BackendDescriptor tensor(int dataType, Shape shape, boolean virtual) {
    long channels = shape.dimension(1);
    long height = shape.dimension(2);
    long width = shape.dimension(3);
    tensors++;
    return create(CUDNN_BACKEND_TENSOR_DESCRIPTOR)
        .choice(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, dataType)
        .longs(CUDNN_ATTR_TENSOR_DIMENSIONS, shape.dimension(0), channels, height, width)
        .longs(CUDNN_ATTR_TENSOR_STRIDES, height * width * channels, 1, width * channels, channels)
        .longs(CUDNN_ATTR_TENSOR_UNIQUE_ID, tensors)
        .longs(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, ALIGNMENT)
        .flag(CUDNN_ATTR_TENSOR_IS_VIRTUAL, virtual)
        .complete();
  }

  private BackendDescriptor create(int type) {
    BackendDescriptor descriptor = new BackendDescriptor(type);
    owned.push(descriptor);
    return descriptor;
  }

  /**
   * How many operations it has.
   *
   * @return convolution, scale, bias, and residual and ReLU where there are such
   */
  public int operations() {
    return operations.size();
  }

  /**
   * Joins the operations to a graph of cuDNN's for a device, which cuDNN checks as a whole.
   *
   * @param handle of the device
   * @throws io.resfuse.engine.EngineException if cuDNN does not take the graph
   */
  public void join(Handle handle) {
    create(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)
        .descriptors(CUDNN_ATTR_OPERATIONGRAPH_OPS, operations.toArray(BackendDescriptor[]::new))
        .handle(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle)
        .complete();
  }

  /** Destroys its descriptors. Idempotent. */
  @Override
  public void close() {
    while (!owned.isEmpty()) {
      owned.pop().close();
    }
  }
}
