package io.resfuse.engine.onednn;

import java.nio.FloatBuffer;
import java.util.List;

/** Moves running means and variances by those of a batch. Allocates nothing when it does. */
final class RunningStatistics {
  private final One[] all;

  private static final class One {
    private final FloatBuffer mean;
    private final FloatBuffer variance;
    private final FloatBuffer runningMean;
    private final FloatBuffer runningVariance;
    private final double momentum;
    private final double unbiased;

    One(BatchStatistics statistics, NativeMemory memory) {
      int channels = statistics.channels();
      mean = memory.floats(statistics.mean().offset(), channels);
      variance = memory.floats(statistics.variance().offset(), channels);
      runningMean = memory.floats(statistics.runningMean().offset(), channels);
      runningVariance = memory.floats(statistics.runningVariance().offset(), channels);
      momentum = statistics.norm().momentum();
      unbiased = (double) statistics.count() / (statistics.count() - 1);
    }

    void move() {
      for (int c = 0; c < mean.capacity(); c++) {
        double m = runningMean.get(c);
        double v = runningVariance.get(c);
        runningMean.put(c, (float) (m + momentum * (mean.get(c) - m)));
        runningVariance.put(c, (float) (v + momentum * (unbiased * variance.get(c) - v)));
      }
    }
  }

  RunningStatistics(List<BatchStatistics> statistics, NativeMemory memory) {
    all = statistics.stream().map(s -> new One(s, memory)).toArray(One[]::new);
  }

  /** Whether those of the batch are. */
  boolean areFinite() {
    for (One one : all) {
      if (NonFinite.isIn(one.mean) || NonFinite.isIn(one.variance)) {
        return false;
      }
    }
    return true;
  }

  /** Whether the running ones are. */
  boolean runningAreFinite() {
    for (One one : all) {
      if (NonFinite.isIn(one.runningMean) || NonFinite.isIn(one.runningVariance)) {
        return false;
      }
    }
    return true;
  }

  void move() {
    for (One one : all) {
      one.move();
    }
  }
}
