package io.resfuse.engine.reference;

import io.resfuse.engine.Operation.BatchNorm;
import org.jspecify.annotations.Nullable;

/**
 * {@code out = gamma xhat + beta} with {@code xhat = (x - mean) / sqrt(variance + eps)}, per
 * channel; see {@link BatchNorm} for whose mean and variance.
 *
 * <p>Backward with batch statistics of m values per channel (Ioffe and Szegedy 2015, section 3):
 * {@code dbeta = sum dout}, {@code dgamma = sum dout xhat}, {@code dx = gamma / sqrt(variance +
 * eps) (dout - dbeta / m - xhat dgamma / m)}. With running statistics {@code dx = gamma /
 * sqrt(variance + eps) dout}.
 */
final class BatchNormalization {
  private final Loop loop;
  private final BatchNorm norm;
  private final double[] gamma;
  private final double[] beta;
  private final double[] runningMean;
  private final double[] runningVariance;
  private final double[] mean;
  private final double[] inverseDeviation;

  BatchNormalization(Loop loop, BatchNorm norm, ParameterStore parameters) {
    this.loop = loop;
    this.norm = norm;
    this.gamma = parameters.get(norm.gamma());
    this.beta = parameters.get(norm.beta());
    this.runningMean = parameters.get(norm.mean());
    this.runningVariance = parameters.get(norm.variance());
    this.mean = new double[gamma.length];
    this.inverseDeviation = new double[gamma.length];
  }

  /** Takes mean and variance of a batch, for {@link #apply}, and moves the running statistics. */
  void takeBatchStatistics(Tensor x) {
    loop.over(
        x.channels,
        c -> {
          int count = x.batch * x.plane;
          int from = c * count;
          double sum = 0;
          for (int p = from; p < from + count; p++) {
            sum += x.data[p];
          }
          double batchMean = sum / count;
          double squares = 0;
          for (int p = from; p < from + count; p++) {
            double deviation = x.data[p] - batchMean;
            squares += deviation * deviation;
          }
          mean[c] = batchMean;
          inverseDeviation[c] = 1 / Math.sqrt(squares / count + norm.epsilon());
          double unbiased = squares / (count - 1);
          runningMean[c] += norm.momentum() * (batchMean - runningMean[c]);
          runningVariance[c] += norm.momentum() * (unbiased - runningVariance[c]);
        });
  }

  /** Takes the running statistics, for {@link #apply}. */
  void takeRunningStatistics() {
    for (int c = 0; c < mean.length; c++) {
      mean[c] = runningMean[c];
      inverseDeviation[c] = 1 / Math.sqrt(runningVariance[c] + norm.epsilon());
    }
  }

  /** Normalises by the statistics taken last; {@code out} may be {@code x}. */
  void apply(Tensor x, Tensor out) {
    loop.over(
        x.channels,
        c -> {
          int count = x.batch * x.plane;
          for (int p = c * count; p < (c + 1) * count; p++) {
            out.data[p] = gamma[c] * ((x.data[p] - mean[c]) * inverseDeviation[c]) + beta[c];
          }
        });
  }

  /**
   * Replaces the gradient of the result with that of {@code x}, which was normalised by its batch
   * statistics, and adds to the gradients of gamma and beta that are not null.
   */
  void backwardBatch(
      Tensor x, Tensor gradient, double @Nullable [] dgamma, double @Nullable [] dbeta) {
    loop.over(
        x.channels,
        c -> {
          int count = x.batch * x.plane;
          int from = c * count;
          double sum = 0;
          double sumTimesNormalized = 0;
          for (int p = from; p < from + count; p++) {
            sum += gradient.data[p];
            sumTimesNormalized += gradient.data[p] * ((x.data[p] - mean[c]) * inverseDeviation[c]);
          }
          double factor = gamma[c] * inverseDeviation[c];
          for (int p = from; p < from + count; p++) {
            double normalized = (x.data[p] - mean[c]) * inverseDeviation[c];
            gradient.data[p] =
                factor
                    * (gradient.data[p] - sum / count - normalized * (sumTimesNormalized / count));
          }
          if (dgamma != null) {
            dgamma[c] += sumTimesNormalized;
          }
          if (dbeta != null) {
            dbeta[c] += sum;
          }
        });
  }

  /** Replaces the gradient of the result with that of what was normalised by fixed statistics. */
  void backwardRunning(Tensor gradient) {
    loop.over(
        gradient.channels,
        c -> {
          int count = gradient.batch * gradient.plane;
          for (int p = c * count; p < (c + 1) * count; p++) {
            gradient.data[p] *= gamma[c] * inverseDeviation[c];
          }
        });
  }
}
