package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.onednn.ChannelSlices.Slice;
import io.resfuse.engine.onednn.TrainingWeights.Entry;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.jspecify.annotations.Nullable;

/**
 * The sums of a batch norm whose channels have many pixels: taken slice by slice by oneDNN's own
 * primitive, merged in float64, in the same order always. Forward these are mean and variance
 * (merged by the formula of Chan, Golub and LeVeque, 1979), which a second primitive then applies.
 * Backward, with dz the gradient after the ReLU's mask and M pixels,
 *
 * <pre>
 *   dbeta = sum(dz)    dgamma = sum(dz (y - mean)) / deviation
 *   dy = gamma / deviation dz - gamma / (deviation M) (dbeta + (y - mean) dgamma / deviation)
 * </pre>
 *
 * <p>(Ioffe and Szegedy 2015, section 3), of which the primitive gives the slices of the sums and
 * the first term; one more pass adds the second. Not thread-safe.
 */
final class SlicedNorm {
  private final Scope scope;
  private final TrainingParts parts;
  private final ChannelSlices slices;
  private final BatchNorm norm;
  private final BatchStatistics statistics;

  SlicedNorm(
      Scope scope,
      TrainingParts parts,
      ChannelSlices slices,
      BatchNorm norm,
      BatchStatistics statistics) {
    this.scope = scope;
    this.parts = parts;
    this.slices = slices;
    this.norm = norm;
    this.statistics = statistics;
  }

  private Buffer perStatistic() {
    return Buffer.inArena((long) slices.statistics() * Float.BYTES);
  }

  private Buffer perChannel() {
    return Buffer.inArena((long) slices.channels() * Float.BYTES);
  }

  private static long at(Slice slice) {
    return (long) slice.firstStatistic() * Float.BYTES;
  }

  private String label(String what) {
    return norm.gamma().name() + " " + what;
  }

  // ---------------------------------------------------------------- forward

  /**
   * Adds the statistics of the batch to the forward pass.
   *
   * @param y what is normalised
   * @param type of its elements
   * @param scrap as large; overwritten
   * @param time of the steps
   */
  void statistics(Buffer y, int type, Buffer scrap, int time) {
    Buffer means = perStatistic();
    Buffer variances = perStatistic();
    dnnl_primitive_desc desc = null;
    Slice former = null;
    for (Slice slice : slices.slices()) {
      if (desc == null || !slice.desc().equals(former.desc())) {
        desc =
            Dnnl.batchNorm(
                scope, dnnl_forward_training, slice.desc(), slice.desc(), norm.epsilon(), 0);
      }
      former = slice;
      long begin = slice.firstElement() * Dnnl.elementBytes(type);
      dnnl_memory_desc vector = Dnnl.vector(scope, slice.statistics());
      parts
          .forward()
          .add(label("statistics"), desc, time)
          .with(DNNL_ARG_SRC, slice.desc(), y, begin)
          .with(DNNL_ARG_DST, slice.desc(), scrap, begin)
          .with(DNNL_ARG_MEAN, vector, means, at(slice))
          .with(DNNL_ARG_VARIANCE, vector, variances, at(slice));
    }
    parts
        .forward()
        .add(
            label("merged statistics"),
            time,
            List.of(means, variances, statistics.mean(), statistics.variance()),
            memory ->
                new Merge(
                    memory.floats(means),
                    memory.floats(variances),
                    memory.floats(statistics.mean()),
                    memory.floats(statistics.variance())));
  }

  /** Mean and biased variance of all from those of slices. */
  private final class Merge implements Runnable {
    private final FloatBuffer means;
    private final FloatBuffer variances;
    private final FloatBuffer mean;
    private final FloatBuffer variance;
    private final double[] sum = new double[slices.channels()];
    private final double[] squares = new double[slices.channels()];
    private final int[] channelOf = slices.channelsOfStatistics();
    private final int[] pixelsOf = slices.pixelsOfStatistics();

    Merge(FloatBuffer means, FloatBuffer variances, FloatBuffer mean, FloatBuffer variance) {
      this.means = means;
      this.variances = variances;
      this.mean = mean;
      this.variance = variance;
    }

    @Override
    public void run() {
      double count = statistics.count();
      for (int c = 0; c < sum.length; c++) {
        sum[c] = 0;
        squares[c] = 0;
      }
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
    }
  }

  // ---------------------------------------------------------------- backward

  /**
   * What the backward pass works on.
   *
   * @param layout of the tensors
   * @param y what was normalised
   * @param gradient of the result
   * @param dy takes the gradient of y; may be {@code gradient}
   * @param mask the ReLU's, of the forward primitive; null if no ReLU is fused
   * @param maskBytes of the mask
   */
  record Tensors(
      dnnl_memory_desc layout,
      Buffer y,
      Buffer gradient,
      Buffer dy,
      @Nullable Buffer mask,
      long maskBytes) {}

  /** Adds the backward pass, to that which writes gradients and to that which adds to them. */
  void backward(Tensors tensors, Entry gamma, Entry beta, int time) {
    int flags =
        dnnl_use_global_stats
            | dnnl_use_scale
            | dnnl_use_shift
            | (tensors.mask == null ? 0 : dnnl_fuse_norm_relu);
    Buffer means = perStatistic();
    Buffer variances = perStatistic();
    Buffer scales = perStatistic();
    Buffer scaleSums = perStatistic();
    Buffer shiftSums = perStatistic();
    Buffer slope = perChannel();
    Buffer shift = perChannel();
    for (Steps steps : parts.backwards()) {
      steps.add(
          label("statistics of slices"),
          time,
          List.of(
              means, variances, scales, statistics.mean(), statistics.variance(), gamma.master()),
          memory -> {
            Runnable first = spread(memory, statistics.mean(), means);
            Runnable second = spread(memory, statistics.variance(), variances);
            Runnable third = spread(memory, gamma.master(), scales);
            return () -> {
              first.run();
              second.run();
              third.run();
            };
          });
    }
    dnnl_primitive_desc desc = null;
    dnnl_primitive_desc forward = null;
    Slice former = null;
    for (Slice slice : slices.slices()) {
      if (desc == null || !slice.desc().equals(former.desc())) {
        forward =
            Dnnl.batchNorm(
                scope, dnnl_forward_training, slice.desc(), slice.desc(), norm.epsilon(), flags);
        desc =
            Dnnl.batchNormBackward(
                scope, slice.desc(), slice.desc(), norm.epsilon(), flags, forward);
      }
      former = slice;
      dnnl_memory_desc vector = Dnnl.vector(scope, slice.statistics());
      long begin = slice.firstElement() * Float.BYTES;
      for (Steps steps : parts.backwards()) {
        Steps.Step step =
            steps
                .add(label("sums"), desc, time)
                .with(DNNL_ARG_SRC, slice.desc(), tensors.y, begin)
                .with(DNNL_ARG_MEAN, vector, means, at(slice))
                .with(DNNL_ARG_VARIANCE, vector, variances, at(slice))
                .with(DNNL_ARG_DIFF_DST, slice.desc(), tensors.gradient, begin)
                .with(DNNL_ARG_SCALE, vector, scales, at(slice))
                .with(DNNL_ARG_DIFF_SRC, slice.desc(), tensors.dy, begin)
                .with(DNNL_ARG_DIFF_SCALE, vector, scaleSums, at(slice))
                .with(DNNL_ARG_DIFF_SHIFT, vector, shiftSums, at(slice));
        if (tensors.mask != null) {
          long elements = Dnnl.bytes(tensors.layout) / Float.BYTES;
          step.with(
              DNNL_ARG_WORKSPACE,
              Dnnl.workspaceOf(forward),
              tensors.mask,
              slice.firstElement() * tensors.maskBytes / elements);
        }
      }
    }
    Buffer gammaGradient = gamma.gradient();
    Buffer betaGradient = beta.gradient();
    for (Steps steps : parts.backwards()) {
      boolean add = steps == parts.accumulation();
      List<Buffer> used =
          new ArrayList<>(
              List.of(scaleSums, shiftSums, slope, shift, statistics.variance(), gamma.master()));
      if (gammaGradient != null) {
        used.add(gammaGradient);
      }
      if (betaGradient != null) {
        used.add(betaGradient);
      }
      steps.add(
          label("merged sums"),
          time,
          used,
          memory ->
              new Coefficients(
                  memory.floats(scaleSums),
                  memory.floats(shiftSums),
                  memory.floats(gamma.master()),
                  memory.floats(statistics.variance()),
                  gammaGradient == null ? null : memory.floats(gammaGradient),
                  betaGradient == null ? null : memory.floats(betaGradient),
                  add,
                  memory.floats(slope),
                  memory.floats(shift)));
    }
    dnnl_memory_desc row = Dnnl.desc(scope, Dnnl.F32, slices.tag(), 1, slices.channels(), 1, 1);
    dnnl_primitive_desc last = Dnnl.centredAffineSum(scope, tensors.layout, row);
    for (Steps steps : parts.backwards()) {
      steps
          .add(label("gradient"), last, time)
          .with(DNNL_ARG_SRC_0, tensors.layout, tensors.y)
          .with(DNNL_ARG_SRC_1, row, statistics.mean())
          .with(Dnnl.postOperation(0) | DNNL_ARG_SRC_1, row, slope)
          .with(Dnnl.postOperation(1) | DNNL_ARG_SRC_1, row, shift)
          .with(Dnnl.postOperation(2) | DNNL_ARG_SRC_1, tensors.layout, tensors.dy)
          .with(DNNL_ARG_DST, tensors.layout, tensors.dy);
    }
  }

  /** Gives every slice the value of its channel. */
  private Runnable spread(Steps.Memory memory, Buffer channels, Buffer target) {
    FloatBuffer from = memory.floats(channels);
    FloatBuffer to = memory.floats(target);
    int[] channelOf = slices.channelsOfStatistics();
    return () -> {
      for (int i = 0; i < channelOf.length; i++) {
        to.put(i, from.get(channelOf[i]));
      }
    };
  }

  /** The gradients of scale and shift from those of slices, and what follows for the last pass. */
  private final class Coefficients implements Runnable {
    private final FloatBuffer scaleSums;
    private final FloatBuffer shiftSums;
    private final FloatBuffer gamma;
    private final FloatBuffer variance;
    private final @Nullable FloatBuffer gammaGradient;
    private final @Nullable FloatBuffer betaGradient;
    private final boolean add;
    private final FloatBuffer slope;
    private final FloatBuffer shift;
    private final double[] dgamma = new double[slices.channels()];
    private final double[] dbeta = new double[slices.channels()];
    private final int[] channelOf = slices.channelsOfStatistics();

    Coefficients(
        FloatBuffer scaleSums,
        FloatBuffer shiftSums,
        FloatBuffer gamma,
        FloatBuffer variance,
        @Nullable FloatBuffer gammaGradient,
        @Nullable FloatBuffer betaGradient,
        boolean add,
        FloatBuffer slope,
        FloatBuffer shift) {
      this.scaleSums = scaleSums;
      this.shiftSums = shiftSums;
      this.gamma = gamma;
      this.variance = variance;
      this.gammaGradient = gammaGradient;
      this.betaGradient = betaGradient;
      this.add = add;
      this.slope = slope;
      this.shift = shift;
    }

    @Override
    public void run() {
      for (int c = 0; c < dgamma.length; c++) {
        dgamma[c] = 0;
        dbeta[c] = 0;
      }
      for (int i = 0; i < channelOf.length; i++) {
        dgamma[channelOf[i]] += scaleSums.get(i);
        dbeta[channelOf[i]] += shiftSums.get(i);
      }
      for (int c = 0; c < dgamma.length; c++) {
        double deviation = Math.sqrt(variance.get(c) + norm.epsilon());
        double factor = -gamma.get(c) / (deviation * statistics.count());
        slope.put(c, (float) (factor * dgamma[c] / deviation));
        shift.put(c, (float) (factor * dbeta[c]));
        put(gammaGradient, c, dgamma[c]);
        put(betaGradient, c, dbeta[c]);
      }
    }

    private void put(@Nullable FloatBuffer gradient, int channel, double value) {
      if (gradient != null) {
        gradient.put(channel, (float) (add ? gradient.get(channel) + value : value));
      }
    }
  }
}
