package io.resfuse.engine.cudnn.dnn;

import static jcuda.jcudnn.cudnnBackendAttributeName.*;
import static jcuda.jcudnn.cudnnBackendAttributeType.CUDNN_TYPE_CONVOLUTION_MODE;
import static jcuda.jcudnn.cudnnBackendAttributeType.CUDNN_TYPE_DATA_TYPE;
import static jcuda.jcudnn.cudnnBackendAttributeType.CUDNN_TYPE_HEUR_MODE;
import static jcuda.jcudnn.cudnnBackendAttributeType.CUDNN_TYPE_POINTWISE_MODE;
import static jcuda.jcudnn.cudnnBackendDescriptorType.*;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.Operation.Window;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.Arrays;
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

  /** {@code CUDNN_HEUR_MODE_A}, which JCudnn's Java half does not know yet. */
  private static final int HEUR_MODE_A = 3;

  /** The heuristics' offers that are tried. */
  private static final int MOST_CONFIGURATIONS = 8;

  /** What tensors are known by. */
  static final long INPUT = 1;

  static final long WEIGHTS = 2;
  static final long SCALE = 3;
  static final long BIAS = 4;
  static final long RESIDUAL = 5;
  static final long OUTPUT = 6;
  private static final long FIRST_BETWEEN = 7;

  private final DnnObjects owned = new DnnObjects();
  private final List<BackendDescriptor> operations = new ArrayList<>();
  private long between = FIRST_BETWEEN;

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
    int kernel = spec.window().kernel();
    Shape weights = Shape.of(channels, spec.input().dimension(1) / spec.groups(), kernel, kernel);
    BackendDescriptor output = tensor(OUTPUT, stored, result);
    BackendDescriptor value = between(result);
    operations.add(
        create(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR)
            .descriptors(
                CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, convolution(spec.window()))
            .descriptors(
                CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, tensor(INPUT, stored, spec.input()))
            .descriptors(
                CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, tensor(WEIGHTS, stored, weights))
            .descriptors(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, value)
            .real(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1)
            .real(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0)
            .complete());
    value =
        combine(
            cudnnPointwiseMode.CUDNN_POINTWISE_MUL,
            value,
            tensor(SCALE, cudnnDataType.CUDNN_DATA_FLOAT, perChannel),
            between(result));
    value =
        combine(
            cudnnPointwiseMode.CUDNN_POINTWISE_ADD,
            value,
            tensor(BIAS, cudnnDataType.CUDNN_DATA_FLOAT, perChannel),
            spec.residual() || spec.relu() ? between(result) : output);
    if (spec.residual()) {
      value =
          combine(
              cudnnPointwiseMode.CUDNN_POINTWISE_ADD,
              value,
              tensor(RESIDUAL, stored, result),
              spec.relu() ? between(result) : output);
    }
    if (spec.relu()) {
      operations.add(
          create(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
              .descriptors(
                  CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR,
                  pointwise(cudnnPointwiseMode.CUDNN_POINTWISE_RELU_FWD))
              .descriptors(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, value)
              .descriptors(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, output)
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
    return tensor(between++, cudnnDataType.CUDNN_DATA_FLOAT, shape);
  }

  private BackendDescriptor tensor(long id, int dataType, Shape shape) {
    long channels = shape.dimension(1);
    long height = shape.dimension(2);
    long width = shape.dimension(3);
    return create(CUDNN_BACKEND_TENSOR_DESCRIPTOR)
        .choice(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, dataType)
        .longs(CUDNN_ATTR_TENSOR_DIMENSIONS, shape.dimension(0), channels, height, width)
        .longs(CUDNN_ATTR_TENSOR_STRIDES, height * width * channels, 1, width * channels, channels)
        .longs(CUDNN_ATTR_TENSOR_UNIQUE_ID, id)
        .longs(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, ALIGNMENT)
        .flag(CUDNN_ATTR_TENSOR_IS_VIRTUAL, id >= FIRST_BETWEEN)
        .complete();
  }

  private BackendDescriptor create(int type) {
    return owned.own(new BackendDescriptor(type));
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
    graph(handle);
  }

  private BackendDescriptor graph(Handle handle) {
    return create(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)
        .descriptors(CUDNN_ATTR_OPERATIONGRAPH_OPS, operations.toArray(BackendDescriptor[]::new))
        .handle(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle)
        .complete();
  }

  /**
   * The plan that cuDNN's heuristics hold to be the fastest of those that can be made.
   *
   * @return owned by this
   */
  BackendDescriptor plan(Handle handle) {
    BackendDescriptor heuristics =
        create(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR)
            .descriptors(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph(handle))
            .choice(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, HEUR_MODE_A)
            .complete();
    BackendDescriptor[] configurations = new BackendDescriptor[MOST_CONFIGURATIONS];
    Arrays.setAll(configurations, i -> create(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR));
    int offered = heuristics.fill(CUDNN_ATTR_ENGINEHEUR_RESULTS, configurations);
    EngineException refusal = null;
    for (int i = 0; i < offered; i++) {
      try {
        return create(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR)
            .descriptors(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configurations[i])
            .handle(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, handle)
            .complete();
      } catch (EngineException e) {
        refusal = e;
      }
    }
    throw new EngineException("cuDNN has no plan for a fused convolution", refusal);
  }

  /** Destroys its descriptors. Idempotent. */
  @Override
  public void close() {
    owned.close();
  }
}
