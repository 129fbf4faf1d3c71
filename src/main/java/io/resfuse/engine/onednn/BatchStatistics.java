package io.resfuse.engine.onednn;

import io.resfuse.engine.Operation.BatchNorm;

/** A batch norm's statistics of the batch, and the running ones. */
final class BatchStatistics {
  private final BatchNorm norm;
  private final int channels;
  private final long count;
  private final Buffer mean;
  private final Buffer variance;
  private final Buffer runningMean;
  private final Buffer runningVariance;

  BatchStatistics(
      BatchNorm norm,
      int channels,
      long count,
      Buffer mean,
      Buffer variance,
      Buffer runningMean,
      Buffer runningVariance) {
    this.norm = norm;
    this.channels = channels;
    this.count = count;
    this.mean = mean;
    this.variance = variance;
    this.runningMean = runningMean;
    this.runningVariance = runningVariance;
  }

  BatchNorm norm() {
    return norm;
  }

  int channels() {
    return channels;
  }

  /** How many values each statistic is of. */
  long count() {
    return count;
  }

  Buffer mean() {
    return mean;
  }

  /** Biased. */
  Buffer variance() {
    return variance;
  }

  Buffer runningMean() {
    return runningMean;
  }

  Buffer runningVariance() {
    return runningVariance;
  }
}
