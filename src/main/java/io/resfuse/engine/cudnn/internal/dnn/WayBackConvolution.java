package io.resfuse.engine.cudnn.internal.dnn;

import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.library.Library.Channels;
import io.resfuse.engine.cuda.internal.library.PreparedWayBack;
import io.resfuse.engine.cuda.internal.library.PreparedWayBack.WayBack;
import jcuda.jcudnn.JCudnn;

/**
 * A {@link GradientGraph} with a plan. The gradients of gamma and beta go through scratch memory,
 * because graphs do not add to what is there. Not thread-safe.
 */
public final class WayBackConvolution implements PreparedWayBack {
  private final Handle handle;
  private final GradientGraph graph;
  private final GraphPlan plan;
  private final TensorDescriptor vector;
  private final long vectorBytes;
  private final String name;

  /**
   * Chooses a plan.
   *
   * @param planner of the device
   * @param spec the convolution, whose input is the result of a batch norm with a ReLU
   * @param residual whether something was added before the ReLU
   * @throws io.resfuse.engine.EngineException if cuDNN cannot do it in one graph
   */
  public WayBackConvolution(Planner planner, ConvolutionSpec spec, boolean residual) {
    int channels = spec.input().dimension(1);
    this.handle = planner.handle();
    this.name = spec.name();
    this.vectorBytes = GraphPlan.vectorBytes(channels);
    this.vector = TensorDescriptor.ofVector(channels);
    this.graph = new GradientGraph(spec, residual);
    boolean done = false;
    try {
      this.plan = planner.choose(graph.graph(), "the way back through " + name);
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  /** Two vectors, then what the plan needs. */
  @Override
  public long workspaceBytes() {
    return 2 * vectorBytes + plan.workspaceBytes();
  }

  @Override
  public void run(Stream stream, WayBack at, Channels channels, boolean accumulate) {
    long gamma = at.workspace();
    long beta = gamma + vectorBytes;
    long[] ids = ids();
    long[] addresses = new long[ids.length];
    for (int i = 0; i < ids.length; i++) {
      addresses[i] = address(ids[i], at, channels, gamma, beta);
    }
    plan.run(stream, ids, addresses, beta + vectorBytes);
    add(stream, gamma, at.gammaGradient(), accumulate);
    add(stream, beta, at.betaGradient(), accumulate);
  }

  private long[] ids() {
    return graph.graph().operands().keySet().stream().mapToLong(Long::longValue).toArray();
  }

  private static long address(long id, WayBack at, Channels channels, long gamma, long beta) {
    return switch ((int) id) {
      case (int) GradientGraph.OUTPUT_GRADIENT -> at.outputGradient();
      case (int) GradientGraph.WEIGHTS -> at.weights();
      case (int) GradientGraph.RAW -> at.raw();
      case (int) GradientGraph.RESIDUAL -> at.residual();
      case (int) GradientGraph.MASKED -> at.masked();
      case (int) GradientGraph.MEAN -> channels.mean();
      case (int) GradientGraph.INVERSE -> channels.inverse();
      case (int) GradientGraph.GAMMA -> channels.gamma();
      case (int) GradientGraph.BETA -> channels.beta();
      case (int) GradientGraph.GAMMA_GRADIENT -> gamma;
      case (int) GradientGraph.BETA_GRADIENT -> beta;
      case (int) GradientGraph.GRADIENT_SCALE -> at.gradientScale();
      case (int) GradientGraph.RAW_SCALE -> at.rawScale();
      case (int) GradientGraph.CONSTANT -> at.constant();
      default -> throw new IllegalArgumentException("no operand has the number " + id);
    };
  }

  private void add(Stream stream, long from, long to, boolean accumulate) {
    if (to == 0) {
      return;
    }
    handle.start(
        stream,
        "adding a gradient behind " + name,
        () ->
            JCudnn.cudnnAddTensor(
                handle.handle(),
                ConvolutionProduct.ONE,
                vector.handle(),
                new Address(from),
                accumulate ? ConvolutionProduct.ONE : ConvolutionProduct.ZERO,
                vector.handle(),
                new Address(to)));
  }

  /** Destroys the graph and its plan. Idempotent. */
  @Override
  public void close() {
    graph.close();
    vector.close();
  }
}
