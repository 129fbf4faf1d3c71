package io.resfuse.engine.cudnn.internal.dnn;

import static jcuda.jcudnn.cudnnBackendAttributeName.*;
import static jcuda.jcudnn.cudnnBackendDescriptorType.CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR;

import io.resfuse.engine.cuda.internal.driver.Stream;
import java.util.List;
import jcuda.jcudnn.JCudnn;

/**
 * How an {@link OperationGraph} runs, which owns it. Not thread-safe.
 *
 * @param handle of the device
 * @param plan of the graph
 * @param workspaceBytes the scratch memory that it needs
 * @param doing for messages
 */
record GraphPlan(Handle handle, BackendDescriptor plan, long workspaceBytes, String doing) {
  private static final long ALIGNMENT = 256;

  /** What cuDNN's heuristics offer, first the plan that they hold to be the fastest. */
  static List<GraphPlan> of(Handle handle, OperationGraph graph, String what) {
    synchronized (handle) {
      return graph.plans(handle, what).stream()
          .map(
              plan ->
                  new GraphPlan(
                      handle,
                      plan,
                      plan.number(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE),
                      "running " + what))
          .toList();
    }
  }

  /** The bytes of floats, one per channel, so that what follows in scratch memory is aligned. */
  static long vectorBytes(int channels) {
    long bytes = (long) channels * Float.BYTES;
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /**
   * Starts it. May be recorded in a graph.
   *
   * @param ids what tensors are known by
   * @param addresses where they are
   * @param workspace scratch memory; 0 for none
   */
  void run(Stream stream, long[] ids, long[] addresses, long workspace) {
    try (BackendDescriptor pack = new BackendDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)) {
      pack.longs(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids)
          .pointers(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, addresses)
          .pointers(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace)
          .complete();
      handle.start(
          stream,
          doing,
          () -> JCudnn.cudnnBackendExecute(handle.handle(), plan.handle(), pack.handle()));
    }
  }
}
