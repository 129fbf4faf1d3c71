package io.resfuse.engine.onednn;

import java.nio.FloatBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The loops between the primitives of a {@link SlicedNorm}, over the statistics of slices; sums in
 * float64, in the order of the slices. They are bound to memory once; running them allocates
 * nothing.
 */
final class SliceLoops {
  private SliceLoops() {}

  /** Gives every slice the value of its channel. */
  static Runnable spread(ChannelSlices slices, FloatBuffer channels, FloatBuffer target) {
    int[] channelOf = slices.channelsOfStatistics();
    return () -> {
      for (int i = 0; i < channelOf.length; i++) {
        target.put(i, channels.get(channelOf[i]));
      }
    };
  }

  /** Mean and biased variance of channels from those of slices. */
  static Runnable merge(
      ChannelSlices slices,
      long count,
      FloatBuffer means,
      FloatBuffer variances,
      FloatBuffer mean,
      FloatBuffer variance) {
    int[] channelOf = slices.channelsOfStatistics();
    int[] pixelsOf = slices.pixelsOfStatistics();
    double[] sum = new double[slices.channels()];
    double[] squares = new double[slices.channels()];
    return () -> {
      Arrays.fill(sum, 0);
      Arrays.fill(squares, 0);
      for (int i = 0; i < channelOf.length; i++) {
        sum[channelOf[i]] += (double) pixelsOf[i] * means.get(i);
      }
      for (int i = 0; i < channelOf.length; i++) {
        double distance = means.get(i) - sum[channelOf[i]] / count;
        squares[channelOf[i]] += pixelsOf[i] * (variances.get(i) + distance * distance);
      }
      for (int c = 0; c < sum.length; c++) {
        mean.put(c, (float) (sum[c] / count));
        variance.put(c, (float) (squares[c] / count));
      }
    };
  }

  /** Where the gradient of a parameter per channel goes. */
  interface Gradient {
    /** Takes that of a channel. */
    void put(int channel, double value);
  }

  /** Writes to a buffer, or adds to it; null for a parameter that is not trained. */
  static Gradient gradient(Steps.Memory memory, @Nullable Buffer buffer, boolean add) {
    if (buffer == null) {
      return (channel, value) -> {};
    }
    FloatBuffer target = memory.floats(buffer);
    return add
        ? (channel, value) -> target.put(channel, (float) (target.get(channel) + value))
        : (channel, value) -> target.put(channel, (float) value);
  }

  /**
   * The gradients of scale and shift from those of slices, and the coefficients of the last pass,
   * as {@link SlicedNorm} has them.
   */
  static Runnable coefficients(
      ChannelSlices slices,
      double epsilon,
      long count,
      FloatBuffer scaleSums,
      FloatBuffer shiftSums,
      FloatBuffer gamma,
      FloatBuffer variance,
      Gradient gammaGradient,
      Gradient betaGradient,
      FloatBuffer slope,
      FloatBuffer shift) {
    int[] channelOf = slices.channelsOfStatistics();
    double[] dgamma = new double[slices.channels()];
    double[] dbeta = new double[slices.channels()];
    return () -> {
      Arrays.fill(dgamma, 0);
      Arrays.fill(dbeta, 0);
      for (int i = 0; i < channelOf.length; i++) {
        dgamma[channelOf[i]] += scaleSums.get(i);
        dbeta[channelOf[i]] += shiftSums.get(i);
      }
      for (int c = 0; c < dgamma.length; c++) {
        double deviation = Math.sqrt(variance.get(c) + epsilon);
        double factor = -gamma.get(c) / (deviation * count);
        slope.put(c, (float) (factor * dgamma[c] / deviation));
        shift.put(c, (float) (factor * dbeta[c]));
        gammaGradient.put(c, dgamma[c]);
        betaGradient.put(c, dbeta[c]);
      }
    };
  }
}
