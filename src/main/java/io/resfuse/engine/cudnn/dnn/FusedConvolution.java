package io.resfuse.engine.cudnn.dnn;

import static jcuda.jcudnn.cudnnBackendAttributeName.CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE;
import static jcuda.jcudnn.cudnnBackendAttributeName.CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS;
import static jcuda.jcudnn.cudnnBackendAttributeName.CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS;
import static jcuda.jcudnn.cudnnBackendAttributeName.CUDNN_ATTR_VARIANT_PACK_WORKSPACE;
import static jcuda.jcudnn.cudnnBackendDescriptorType.CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR;

import io.resfuse.engine.cuda.ConvolutionLibrary.Addresses;
import io.resfuse.engine.cuda.ConvolutionLibrary.Prepared;
import io.resfuse.engine.cuda.driver.Stream;
import java.util.Arrays;
import jcuda.jcudnn.JCudnn;

/**
 * A {@link FusedConvolutionGraph} with the plan that cuDNN's heuristics choose for it. Not
 * thread-safe; a handle serves one convolution at a time.
 */
public final class FusedConvolution implements Prepared {
  private final Handle handle;
  private final boolean residual;
  private final FusedConvolutionGraph graph;
  private final BackendDescriptor plan;
  private final long workspaceBytes;

  /**
   * Chooses a plan.
   *
   * @param handle of the device
   * @param spec what to convolve
   * @throws io.resfuse.engine.EngineException if cuDNN cannot do it in one graph
   */
  public FusedConvolution(Handle handle, FusedConvolutionGraph.Spec spec) {
    this.handle = handle;
    this.residual = spec.residual();
    this.graph = new FusedConvolutionGraph(spec);
    boolean done = false;
    try {
      synchronized (handle) {
        this.plan = graph.plan(handle);
      }
      this.workspaceBytes = plan.number(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
      done = true;
    } finally {
      if (!done) {
        graph.close();
      }
    }
  }

  @Override
  public boolean isFused() {
    return true;
  }

  @Override
  public long workspaceBytes() {
    return workspaceBytes;
  }

  @Override
  public void run(Stream stream, Addresses at) {
    long[] ids = {
      FusedConvolutionGraph.INPUT,
      FusedConvolutionGraph.WEIGHTS,
      FusedConvolutionGraph.SCALE,
      FusedConvolutionGraph.BIAS,
      FusedConvolutionGraph.OUTPUT,
      FusedConvolutionGraph.RESIDUAL
    };
    long[] addresses = {
      at.input(), at.weights(), at.scale(), at.bias(), at.output(), at.residual()
    };
    int tensors = residual ? ids.length : ids.length - 1;
    try (BackendDescriptor pack = new BackendDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)) {
      pack.longs(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, Arrays.copyOf(ids, tensors))
          .pointers(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, Arrays.copyOf(addresses, tensors))
          .pointers(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, at.workspace())
          .complete();
      handle.start(
          stream,
          "running a fused convolution",
          () -> JCudnn.cudnnBackendExecute(handle.handle(), plan.handle(), pack.handle()));
    }
  }

  /** Destroys the graph and its plan. Idempotent. */
  @Override
  public void close() {
    graph.close();
  }
}
