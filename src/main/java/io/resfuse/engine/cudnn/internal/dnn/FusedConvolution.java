package io.resfuse.engine.cudnn.internal.dnn;

import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.library.PreparedConvolution;
import io.resfuse.engine.cuda.internal.library.PreparedConvolution.Addresses;
import java.util.Arrays;

/** A {@link FusedConvolutionGraph} with a plan. Not thread-safe. */
public final class FusedConvolution implements PreparedConvolution {
  private static final long[] IDS = {
    FusedConvolutionGraph.INPUT,
    FusedConvolutionGraph.WEIGHTS,
    FusedConvolutionGraph.SCALE,
    FusedConvolutionGraph.BIAS,
    FusedConvolutionGraph.OUTPUT,
    FusedConvolutionGraph.RESIDUAL
  };

  private final int tensors;
  private final FusedConvolutionGraph graph;
  private final GraphPlan plan;

  /**
   * Chooses a plan.
   *
   * @param planner of the device
   * @param spec what to convolve
   * @throws io.resfuse.engine.EngineException if cuDNN cannot do it in one graph
   */
  public FusedConvolution(Planner planner, FusedConvolutionGraph.Spec spec) {
    this.tensors = spec.residual() ? IDS.length : IDS.length - 1;
    this.graph = new FusedConvolutionGraph(spec);
    boolean done = false;
    try {
      this.plan =
          planner.choose(graph.graph(), "the fused convolution " + spec.convolution().name());
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
    return plan.workspaceBytes();
  }

  @Override
  public void run(Stream stream, Addresses at) {
    long[] addresses = {
      at.input(), at.weights(), at.scale(), at.bias(), at.output(), at.residual()
    };
    plan.run(
        stream, Arrays.copyOf(IDS, tensors), Arrays.copyOf(addresses, tensors), at.workspace());
  }

  /** Destroys the graph and its plan. Idempotent. */
  @Override
  public void close() {
    graph.close();
  }
}
