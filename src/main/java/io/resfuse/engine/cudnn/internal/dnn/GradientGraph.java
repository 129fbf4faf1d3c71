package io.resfuse.engine.cudnn.internal.dnn;

import static jcuda.jcudnn.cudnnBackendAttributeName.*;
import static jcuda.jcudnn.cudnnBackendAttributeType.*;
import static jcuda.jcudnn.cudnnBackendDescriptorType.CUDNN_BACKEND_OPERATION_BN_BWD_WEIGHTS_DESCRIPTOR;

import io.resfuse.tensor.Shape;
import jcuda.jcudnn.cudnnDataType;

/**
 * The way back from a convolution through the ReLU and the batch norm before it, as one graph of
 * cuDNN's: the convolution's gradient of the input, masked where {@code norm(raw) [+ residual]} is
 * not positive, the gradients of gamma and beta, and the coefficients of {@code rawGradient =
 * gradientScale * masked + rawScale * raw + constant}. Not thread-safe.
 */
public final class GradientGraph implements AutoCloseable {
  /** What tensors are known by. */
  static final long OUTPUT_GRADIENT = 1;

  static final long WEIGHTS = 2;
  static final long RAW = 3;
  static final long RESIDUAL = 4;
  static final long MASKED = 5;

  /** What vectors are known by. */
  static final long MEAN = 6;

  static final long INVERSE = 7;
  static final long GAMMA = 8;
  static final long BETA = 9;
  static final long GAMMA_GRADIENT = 10;
  static final long BETA_GRADIENT = 11;
  static final long GRADIENT_SCALE = 12;
  static final long RAW_SCALE = 13;
  static final long CONSTANT = 14;

  private final OperationGraph graph = new OperationGraph();

  /**
   * Describes and finalises the operations, which cuDNN checks against each other; no device is
   * needed for that.
   *
   * @param spec the convolution, whose input is the batch norm's and ReLU's result
   * @param residual whether something was added before the ReLU
   * @throws io.resfuse.engine.EngineException if cuDNN does not take an operation
   */
  public GradientGraph(ConvolutionSpec spec, boolean residual) {
    boolean done = false;
    try {
      build(spec, residual);
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  private void build(ConvolutionSpec spec, boolean residual) {
    int stored = spec.type().dataType();
    Shape shape = spec.input();
    int channels = shape.dimension(1);
    BackendDescriptor gradient = graph.between(shape);
    graph.convolveBack(
        spec.window(),
        graph.tensor(OUTPUT_GRADIENT, stored, spec.output()),
        graph.tensor(WEIGHTS, stored, spec.weights()),
        gradient);
    BackendDescriptor raw = graph.tensor(RAW, stored, shape);
    BackendDescriptor mean = graph.channels(MEAN, channels);
    BackendDescriptor inverse = graph.channels(INVERSE, channels);
    BackendDescriptor gamma = graph.channels(GAMMA, channels);
    BackendDescriptor value = graph.add(raw, mean, -1, graph.between(shape));
    value = graph.multiply(value, inverse, graph.between(shape));
    value = graph.multiply(value, gamma, graph.between(shape));
    value = graph.add(value, graph.channels(BETA, channels), 1, graph.between(shape));
    if (residual) {
      value = graph.add(value, graph.tensor(RESIDUAL, stored, shape), 1, graph.between(shape));
    }
    BackendDescriptor masked = graph.tensor(MASKED, stored, shape);
    graph.mask(value, gradient, masked);
    graph.add(
        graph
            .create(CUDNN_BACKEND_OPERATION_BN_BWD_WEIGHTS_DESCRIPTOR)
            .choice(
                CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_MATH_PREC,
                CUDNN_TYPE_DATA_TYPE,
                cudnnDataType.CUDNN_DATA_FLOAT)
            .descriptors(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_X_DESC, raw)
            .descriptors(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_MEAN_DESC, mean)
            .descriptors(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_INVSTD_DESC, inverse)
            .descriptors(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_BN_SCALE_DESC, gamma)
            .descriptors(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DY_DESC, masked)
            .descriptors(
                CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DBN_SCALE_DESC,
                graph.channels(GAMMA_GRADIENT, channels))
            .descriptors(
                CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DBN_BIAS_DESC,
                graph.channels(BETA_GRADIENT, channels))
            .descriptors(
                CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_DY_SCALE_DESC,
                graph.channels(GRADIENT_SCALE, channels))
            .descriptors(
                CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_X_SCALE_DESC,
                graph.channels(RAW_SCALE, channels))
            .descriptors(
                CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_BIAS, graph.channels(CONSTANT, channels)));
  }

  /**
   * How many operations it has.
   *
   * @return 8, or 7 without a residual
   */
  public int operations() {
    return graph.operations();
  }

  OperationGraph graph() {
    return graph;
  }

  /** Destroys its descriptors. Idempotent. */
  @Override
  public void close() {
    graph.close();
  }
}
