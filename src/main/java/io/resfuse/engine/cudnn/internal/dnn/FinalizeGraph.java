package io.resfuse.engine.cudnn.internal.dnn;

import static jcuda.jcudnn.cudnnBackendAttributeName.*;
import static jcuda.jcudnn.cudnnBackendAttributeType.*;
import static jcuda.jcudnn.cudnnBackendDescriptorType.CUDNN_BACKEND_OPERATION_BN_FINALIZE_STATISTICS_DESCRIPTOR;

import jcuda.jcudnn.cudnnBnFinalizeStatsMode;
import jcuda.jcudnn.cudnnDataType;

/**
 * What a batch norm in training makes of the sums of a {@link StatisticsGraph}: mean, inverse
 * deviation, running statistics, and the scale and bias of the batch. All are floats per channel.
 * Not thread-safe.
 */
public final class FinalizeGraph implements AutoCloseable {
  /** What tensors are known by. */
  static final long SUM = 1;

  static final long SQUARES = 2;
  static final long GAMMA = 3;
  static final long BETA = 4;
  static final long RUNNING_MEAN = 5;
  static final long RUNNING_VARIANCE = 6;
  static final long NEXT_RUNNING_MEAN = 7;
  static final long NEXT_RUNNING_VARIANCE = 8;
  static final long MEAN = 9;
  static final long INVERSE = 10;
  static final long SCALE = 11;
  static final long BIAS = 12;

  /** What numbers of the host are known by: float, float, long. */
  static final long EPSILON = 13;

  static final long MOMENTUM = 14;
  static final long COUNT = 15;

  private final OperationGraph graph = new OperationGraph();

  /**
   * Describes and finalises the operation; no device is needed for that.
   *
   * @param channels of the batch norm
   * @throws io.resfuse.engine.EngineException if cuDNN does not take it
   */
  public FinalizeGraph(int channels) {
    boolean done = false;
    try {
      BackendDescriptor operation =
          graph
              .create(CUDNN_BACKEND_OPERATION_BN_FINALIZE_STATISTICS_DESCRIPTOR)
              .choice(
                  CUDNN_ATTR_OPERATION_BN_FINALIZE_STATS_MODE,
                  CUDNN_TYPE_BN_FINALIZE_STATS_MODE,
                  cudnnBnFinalizeStatsMode.CUDNN_BN_FINALIZE_STATISTICS_TRAINING)
              .choice(
                  CUDNN_ATTR_OPERATION_BN_FINALIZE_MATH_PREC,
                  CUDNN_TYPE_DATA_TYPE,
                  cudnnDataType.CUDNN_DATA_FLOAT);
      int[] vectors = {
        CUDNN_ATTR_OPERATION_BN_FINALIZE_Y_SUM_DESC,
        CUDNN_ATTR_OPERATION_BN_FINALIZE_Y_SQ_SUM_DESC,
        CUDNN_ATTR_OPERATION_BN_FINALIZE_SCALE_DESC,
        CUDNN_ATTR_OPERATION_BN_FINALIZE_BIAS_DESC,
        CUDNN_ATTR_OPERATION_BN_FINALIZE_PREV_RUNNING_MEAN_DESC,
        CUDNN_ATTR_OPERATION_BN_FINALIZE_PREV_RUNNING_VAR_DESC,
        CUDNN_ATTR_OPERATION_BN_FINALIZE_UPDATED_RUNNING_MEAN_DESC,
        CUDNN_ATTR_OPERATION_BN_FINALIZE_UPDATED_RUNNING_VAR_DESC,
        CUDNN_ATTR_OPERATION_BN_FINALIZE_SAVED_MEAN_DESC,
        CUDNN_ATTR_OPERATION_BN_FINALIZE_SAVED_INV_STD_DESC,
        CUDNN_ATTR_OPERATION_BN_FINALIZE_EQ_SCALE_DESC,
        CUDNN_ATTR_OPERATION_BN_FINALIZE_EQ_BIAS_DESC
      };
      for (int i = 0; i < vectors.length; i++) {
        operation.descriptors(vectors[i], graph.channels(SUM + i, channels));
      }
      operation
          .descriptors(
              CUDNN_ATTR_OPERATION_BN_FINALIZE_EPSILON_DESC,
              graph.scalar(EPSILON, cudnnDataType.CUDNN_DATA_FLOAT))
          .descriptors(
              CUDNN_ATTR_OPERATION_BN_FINALIZE_EXP_AVERATE_FACTOR_DESC,
              graph.scalar(MOMENTUM, cudnnDataType.CUDNN_DATA_FLOAT))
          .descriptors(
              CUDNN_ATTR_OPERATION_BN_FINALIZE_ACCUM_COUNT_DESC,
              graph.scalar(COUNT, cudnnDataType.CUDNN_DATA_INT64));
      graph.add(operation);
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
