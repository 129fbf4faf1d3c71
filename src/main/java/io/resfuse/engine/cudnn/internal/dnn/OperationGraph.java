package io.resfuse.engine.cudnn.internal.dnn;

import static jcuda.jcudnn.cudnnBackendAttributeName.*;
import static jcuda.jcudnn.cudnnBackendAttributeType.*;
import static jcuda.jcudnn.cudnnBackendDescriptorType.*;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.Operation.Window;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import jcuda.jcudnn.cudnnBackendNumericalNote;
import jcuda.jcudnn.cudnnConvolutionMode;
import jcuda.jcudnn.cudnnDataType;
import jcuda.jcudnn.cudnnPointwiseMode;

/**
 * Operations of cuDNN's graph interface on NHWC tensors without gaps; what lies between operations
 * is float and virtual, arithmetic is float. cuDNN checks an operation when it is added; no device
 * is needed for that. Not thread-safe.
 */
final class OperationGraph implements AutoCloseable {
  /** Every tensor begins at a multiple of it, in bytes. */
  private static final int ALIGNMENT = 16;

  /** {@code CUDNN_HEUR_MODE_A}, which JCudnn's Java half does not know yet. */
  private static final int HEUR_MODE_A = 3;

  /** The heuristics' offers that are tried. */
  private static final int MOST_CONFIGURATIONS = 8;

  /** What an engine may note of its arithmetic; cuDNN 9 knows about ten such notes. */
  private static final int MOST_NOTES = 32;

  /** Tensors with memory have numbers below it. */
  private static final long FIRST_BETWEEN = 100;

  private static final Shape SCALAR = Shape.of(1, 1, 1, 1);

  private final DnnObjects owned = new DnnObjects();
  private final List<BackendDescriptor> operations = new ArrayList<>();
  private final Map<Long, Long> operands = new TreeMap<>();
  private long between = FIRST_BETWEEN;

  /** A descriptor whose attributes are still to be set. */
  BackendDescriptor create(int type) {
    return owned.own(new BackendDescriptor(type));
  }

  /** Finalises an operation and adds it. */
  void add(BackendDescriptor operation) {
    operations.add(operation.complete());
  }

  /** A tensor with memory, known by a number of its own. */
  BackendDescriptor tensor(long id, int dataType, Shape shape) {
    operands.put(id, shape.elements() * DnnType.bytes(dataType));
    return describe(id, dataType, shape).complete();
  }

  /** Floats per channel, with memory. */
  BackendDescriptor channels(long id, int channels) {
    return tensor(id, cudnnDataType.CUDNN_DATA_FLOAT, Shape.of(1, channels, 1, 1));
  }

  /** A number in the host's memory, which cuDNN reads when it is started. */
  BackendDescriptor scalar(long id, int dataType) {
    return describe(id, dataType, SCALAR).flag(CUDNN_ATTR_TENSOR_IS_BY_VALUE, true).complete();
  }

  /** What goes from one operation to the next. */
  BackendDescriptor between(Shape shape) {
    return describe(between++, cudnnDataType.CUDNN_DATA_FLOAT, shape)
        .flag(CUDNN_ATTR_TENSOR_IS_VIRTUAL, true)
        .complete();
  }

  private BackendDescriptor describe(long id, int dataType, Shape shape) {
    long channels = shape.dimension(1);
    long height = shape.dimension(2);
    long width = shape.dimension(3);
    return create(CUDNN_BACKEND_TENSOR_DESCRIPTOR)
        .choice(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, dataType)
        .longs(CUDNN_ATTR_TENSOR_DIMENSIONS, shape.dimension(0), channels, height, width)
        .longs(CUDNN_ATTR_TENSOR_STRIDES, height * width * channels, 1, width * channels, channels)
        .longs(CUDNN_ATTR_TENSOR_UNIQUE_ID, id)
        .longs(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, ALIGNMENT);
  }

  /** {@code result = convolution(input, weights)}. */
  void convolve(
      Window window, BackendDescriptor input, BackendDescriptor weights, BackendDescriptor result) {
    add(
        create(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR)
            .descriptors(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, convolution(window))
            .descriptors(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, input)
            .descriptors(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, weights)
            .descriptors(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, result)
            .real(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1)
            .real(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0));
  }

  /** {@code inputGradient}, from that of the result and the weights. */
  void convolveBack(
      Window window,
      BackendDescriptor resultGradient,
      BackendDescriptor weights,
      BackendDescriptor inputGradient) {
    add(
        create(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR)
            .descriptors(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, convolution(window))
            .descriptors(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, resultGradient)
            .descriptors(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, weights)
            .descriptors(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, inputGradient)
            .real(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, 1)
            .real(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, 0));
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

  /** {@code result = left * right}, element by element. */
  BackendDescriptor multiply(
      BackendDescriptor left, BackendDescriptor right, BackendDescriptor result) {
    return combine(cudnnPointwiseMode.CUDNN_POINTWISE_MUL, left, right, 1, result);
  }

  /** {@code result = left + factor * right}, element by element. */
  BackendDescriptor add(
      BackendDescriptor left, BackendDescriptor right, double factor, BackendDescriptor result) {
    return combine(cudnnPointwiseMode.CUDNN_POINTWISE_ADD, left, right, factor, result);
  }

  private BackendDescriptor combine(
      int mode,
      BackendDescriptor left,
      BackendDescriptor right,
      double factor,
      BackendDescriptor result) {
    add(
        create(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
            .descriptors(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, pointwise(mode))
            .descriptors(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, left)
            .descriptors(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, right)
            .descriptors(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, result)
            .real(CUDNN_ATTR_OPERATION_POINTWISE_ALPHA2, factor));
    return result;
  }

  /** {@code result = max(0, value)}. */
  void rectify(BackendDescriptor value, BackendDescriptor result) {
    add(
        create(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
            .descriptors(
                CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR,
                pointwise(cudnnPointwiseMode.CUDNN_POINTWISE_RELU_FWD))
            .descriptors(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, value)
            .descriptors(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, result));
  }

  /** {@code result = value > 0 ? gradient : 0}. */
  void mask(BackendDescriptor value, BackendDescriptor gradient, BackendDescriptor result) {
    add(
        create(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
            .descriptors(
                CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR,
                pointwise(cudnnPointwiseMode.CUDNN_POINTWISE_RELU_BWD))
            .descriptors(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, value)
            .descriptors(CUDNN_ATTR_OPERATION_POINTWISE_DYDESC, gradient)
            .descriptors(CUDNN_ATTR_OPERATION_POINTWISE_DXDESC, result));
  }

  private BackendDescriptor pointwise(int mode) {
    return create(CUDNN_BACKEND_POINTWISE_DESCRIPTOR)
        .choice(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, mode)
        .choice(
            CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, cudnnDataType.CUDNN_DATA_FLOAT)
        .complete();
  }

  /** What each tensor with memory on the device takes, in bytes, by the number it is known by. */
  Map<Long, Long> operands() {
    return Collections.unmodifiableMap(operands);
  }

  /** How many operations it has. */
  int operations() {
    return operations.size();
  }

  /**
   * Joins the operations to a graph of cuDNN's for a device, which cuDNN checks as a whole.
   *
   * @param handle of the device
   */
  BackendDescriptor join(Handle handle) {
    return create(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)
        .descriptors(CUDNN_ATTR_OPERATIONGRAPH_OPS, operations.toArray(BackendDescriptor[]::new))
        .handle(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle)
        .complete();
  }

  /**
   * The plans that can be made of what cuDNN's heuristics offer and that give the same bits each
   * time, the one that they hold to be the fastest first.
   *
   * @param what it is, for messages
   * @return owned by this, at least one
   */
  List<BackendDescriptor> plans(Handle handle, String what) {
    return plans(
        create(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR)
            .descriptors(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, join(handle)),
        plan -> plan.handle(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, handle),
        what);
  }

  /**
   * The same for a device that is described and need not be here. Such plans cannot run.
   *
   * @param device by {@link DeviceDescription#read}
   * @param what it is, for messages
   * @return owned by this, at least one
   */
  List<BackendDescriptor> plans(BackendDescriptor device, String what) {
    BackendDescriptor graph =
        create(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)
            .descriptors(
                CUDNN_ATTR_OPERATIONGRAPH_OPS, operations.toArray(BackendDescriptor[]::new))
            .complete();
    return plans(
        create(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR)
            .descriptors(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)
            .descriptors(DeviceDescription.OF_HEURISTICS, device),
        plan -> plan,
        what);
  }

  private List<BackendDescriptor> plans(
      BackendDescriptor heuristics, UnaryOperator<BackendDescriptor> place, String what) {
    heuristics.choice(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, HEUR_MODE_A).complete();
    BackendDescriptor[] configurations = new BackendDescriptor[MOST_CONFIGURATIONS];
    Arrays.setAll(configurations, i -> create(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR));
    int offered = heuristics.fill(CUDNN_ATTR_ENGINEHEUR_RESULTS, configurations);
    List<BackendDescriptor> plans = new ArrayList<>();
    EngineException refusal = null;
    for (int i = 0; i < offered; i++) {
      try {
        if (!isRepeatable(notes(configurations[i]))) {
          continue;
        }
        plans.add(
            place
                .apply(
                    create(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR)
                        .descriptors(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configurations[i]))
                .complete());
      } catch (EngineException e) {
        refusal = e;
      }
    }
    if (plans.isEmpty()) {
      throw new EngineException("cuDNN has no plan for " + what, refusal);
    }
    return plans;
  }

  /** What the engine of a configuration notes of its arithmetic. */
  private int[] notes(BackendDescriptor configuration) {
    BackendDescriptor engine = create(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    configuration.fill(CUDNN_ATTR_ENGINECFG_ENGINE, engine);
    return engine.choices(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, MOST_NOTES);
  }

  /** Whether an engine of such notes gives the same bits each time. */
  static boolean isRepeatable(int... notes) {
    return Arrays.stream(notes)
        .noneMatch(note -> note == cudnnBackendNumericalNote.CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC);
  }

  /** Destroys its descriptors. Idempotent. */
  @Override
  public void close() {
    owned.close();
  }
}
