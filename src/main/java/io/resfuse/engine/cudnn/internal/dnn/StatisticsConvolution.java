package io.resfuse.engine.cudnn.internal.dnn;

import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.library.Library.BatchNorm;
import io.resfuse.engine.cuda.internal.library.Library.Channels;
import io.resfuse.engine.cuda.internal.library.PreparedStatistics;
import io.resfuse.engine.cuda.internal.library.PreparedStatistics.Statistics;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.LongPointer;

/**
 * A {@link StatisticsGraph} and a {@link FinalizeGraph} with plans, one after the other. Not
 * thread-safe.
 */
public final class StatisticsConvolution implements PreparedStatistics {
  private final StatisticsGraph convolutionGraph;
  private final FinalizeGraph finalizeGraph;
  private final GraphPlan convolution;
  private final GraphPlan finalization;
  private final long vectorBytes;
  private final FloatPointer epsilon;
  private final FloatPointer momentum;
  private final LongPointer count;

  /**
   * Chooses plans.
   *
   * @param planner of the device
   * @param spec what to convolve
   * @param norm the batch norm after it
   * @throws io.resfuse.engine.EngineException if cuDNN has no plan for it
   */
  public StatisticsConvolution(Planner planner, ConvolutionSpec spec, BatchNorm norm) {
    this.convolutionGraph = new StatisticsGraph(spec);
    this.finalizeGraph = new FinalizeGraph(spec.outputs());
    this.vectorBytes = GraphPlan.vectorBytes(spec.outputs());
    this.epsilon = new FloatPointer(new float[] {(float) norm.epsilon()});
    this.momentum = new FloatPointer(new float[] {(float) norm.momentum()});
    this.count = new LongPointer(new long[] {(long) norm.images() * norm.height() * norm.width()});
    boolean done = false;
    try {
      this.convolution =
          planner.choose(
              convolutionGraph.graph(), "the convolution " + spec.name() + " with statistics");
      this.finalization = planner.first(finalizeGraph.graph(), "the statistics of " + spec.name());
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  /** The sums, then what the plans need, which run one after the other. */
  @Override
  public long workspaceBytes() {
    return 2 * vectorBytes + Math.max(convolution.workspaceBytes(), finalization.workspaceBytes());
  }

  @Override
  public void run(Stream stream, Statistics at, Channels channels) {
    long sum = at.workspace();
    long squares = sum + vectorBytes;
    long scratch = squares + vectorBytes;
    convolution.run(
        stream,
        new long[] {
          StatisticsGraph.INPUT,
          StatisticsGraph.WEIGHTS,
          StatisticsGraph.OUTPUT,
          StatisticsGraph.SUM,
          StatisticsGraph.SQUARES
        },
        new long[] {at.input(), at.weights(), at.raw(), sum, squares},
        scratch);
    finalization.run(
        stream,
        new long[] {
          FinalizeGraph.SUM,
          FinalizeGraph.SQUARES,
          FinalizeGraph.GAMMA,
          FinalizeGraph.BETA,
          FinalizeGraph.RUNNING_MEAN,
          FinalizeGraph.RUNNING_VARIANCE,
          FinalizeGraph.NEXT_RUNNING_MEAN,
          FinalizeGraph.NEXT_RUNNING_VARIANCE,
          FinalizeGraph.MEAN,
          FinalizeGraph.INVERSE,
          FinalizeGraph.SCALE,
          FinalizeGraph.BIAS,
          FinalizeGraph.EPSILON,
          FinalizeGraph.MOMENTUM,
          FinalizeGraph.COUNT
        },
        new long[] {
          sum,
          squares,
          channels.gamma(),
          channels.beta(),
          channels.runningMean(),
          channels.runningVariance(),
          channels.runningMean(),
          channels.runningVariance(),
          channels.mean(),
          channels.inverse(),
          at.scale(),
          at.bias(),
          epsilon.address(),
          momentum.address(),
          count.address()
        },
        scratch);
  }

  /** Destroys the graphs and their plans. Idempotent. */
  @Override
  public void close() {
    convolutionGraph.close();
    finalizeGraph.close();
    epsilon.close();
    momentum.close();
    count.close();
  }
}
