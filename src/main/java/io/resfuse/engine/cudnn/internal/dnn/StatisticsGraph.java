package io.resfuse.engine.cudnn.internal.dnn;

import static jcuda.jcudnn.cudnnBackendAttributeName.*;
import static jcuda.jcudnn.cudnnBackendAttributeType.*;
import static jcuda.jcudnn.cudnnBackendDescriptorType.CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR;

import jcuda.jcudnn.cudnnDataType;
import jcuda.jcudnn.cudnnGenStatsMode;

/**
 * A convolution that also sums its result, and the squares of it, per channel, as one graph of
 * cuDNN's. Not thread-safe.
 */
public final class StatisticsGraph implements AutoCloseable {
  /** What tensors are known by. */
  static final long INPUT = 1;

  static final long WEIGHTS = 2;
  static final long OUTPUT = 3;
  static final long SUM = 4;
  static final long SQUARES = 5;

  private final OperationGraph graph = new OperationGraph();

  /**
   * Describes and finalises the operations, which cuDNN checks against each other; no device is
   * needed for that.
   *
   * @param spec what to convolve
   * @throws io.resfuse.engine.EngineException if cuDNN does not take an operation
   */
  public StatisticsGraph(ConvolutionSpec spec) {
    boolean done = false;
    try {
      int stored = spec.type().dataType();
      BackendDescriptor output = graph.tensor(OUTPUT, stored, spec.output());
      graph.convolve(
          spec.window(),
          graph.tensor(INPUT, stored, spec.input()),
          graph.tensor(WEIGHTS, stored, spec.weights()),
          output);
      graph.add(
          graph
              .create(CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR)
              .choice(
                  CUDNN_ATTR_OPERATION_GENSTATS_MODE,
                  CUDNN_TYPE_GENSTATS_MODE,
                  cudnnGenStatsMode.CUDNN_GENSTATS_SUM_SQSUM)
              .choice(
                  CUDNN_ATTR_OPERATION_GENSTATS_MATH_PREC,
                  CUDNN_TYPE_DATA_TYPE,
                  cudnnDataType.CUDNN_DATA_FLOAT)
              .descriptors(CUDNN_ATTR_OPERATION_GENSTATS_XDESC, output)
              .descriptors(
                  CUDNN_ATTR_OPERATION_GENSTATS_SUMDESC, graph.channels(SUM, spec.outputs()))
              .descriptors(
                  CUDNN_ATTR_OPERATION_GENSTATS_SQSUMDESC,
                  graph.channels(SQUARES, spec.outputs())));
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
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
