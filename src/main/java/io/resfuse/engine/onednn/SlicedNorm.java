package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.onednn.ChannelSlices.Slice;
import io.resfuse.engine.onednn.TrainingWeights.Entry;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
    Map<dnnl_memory_desc, dnnl_primitive_desc> descs = new HashMap<>();
    for (Slice slice : slices.slices()) {
      dnnl_primitive_desc desc =
          descs.computeIfAbsent(
              slice.desc(),
              layout ->
                  BatchNorms.forward(
                      scope, dnnl_forward_training, layout, layout, norm.epsilon(), 0));
      long begin = slice.firstElement() * Dnnl.elementBytes(type);
      parts
          .forward()
          .add(label("statistics"), desc, time)
          .with(DNNL_ARG_SRC, slice.desc(), y, begin)
          .with(DNNL_ARG_DST, slice.desc(), scrap, begin)
          .with(DNNL_ARG_MEAN, slice.vector(), means, at(slice))
          .with(DNNL_ARG_VARIANCE, slice.vector(), variances, at(slice));
    }
    parts
        .forward()
        .add(
            label("merged statistics"),
            time,
            List.of(means, variances, statistics.mean(), statistics.variance()),
            memory ->
                SliceLoops.merge(
                    slices,
                    statistics.count(),
                    memory.floats(means),
                    memory.floats(variances),
                    memory.floats(statistics.mean()),
                    memory.floats(statistics.variance())));
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
   */
  record Tensors(
      dnnl_memory_desc layout, Buffer y, Buffer gradient, Buffer dy, @Nullable Buffer mask) {}

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
    Map<dnnl_memory_desc, dnnl_primitive_desc> forwards = new HashMap<>();
    Map<dnnl_memory_desc, dnnl_primitive_desc> backwards = new HashMap<>();
    for (Slice slice : slices.slices()) {
      dnnl_memory_desc vector = slice.vector();
      dnnl_primitive_desc forward =
          forwards.computeIfAbsent(
              slice.desc(),
              layout ->
                  BatchNorms.forward(
                      scope, dnnl_forward_training, layout, layout, norm.epsilon(), flags));
      dnnl_primitive_desc desc =
          backwards.computeIfAbsent(
              slice.desc(),
              layout -> BatchNorms.backward(scope, layout, layout, norm.epsilon(), flags, forward));
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
              PrimitiveDescs.workspaceOf(forward),
              tensors.mask,
              slice.firstElement() * tensors.mask.bytes() / elements);
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
              SliceLoops.coefficients(
                  slices,
                  norm.epsilon(),
                  statistics.count(),
                  memory.floats(scaleSums),
                  memory.floats(shiftSums),
                  memory.floats(gamma.master()),
                  memory.floats(statistics.variance()),
                  SliceLoops.gradient(memory, gammaGradient, add),
                  SliceLoops.gradient(memory, betaGradient, add),
                  memory.floats(slope),
                  memory.floats(shift)));
    }
    dnnl_memory_desc row = Dnnl.desc(scope, Dnnl.F32, slices.tag(), 1, slices.channels(), 1, 1);
    dnnl_primitive_desc last = Pointwise.centredAffineSum(scope, tensors.layout, row);
    for (Steps steps : parts.backwards()) {
      steps
          .add(label("gradient"), last, time)
          .with(DNNL_ARG_SRC_0, tensors.layout, tensors.y)
          .with(DNNL_ARG_SRC_1, row, statistics.mean())
          .with(Attributes.postOperand(0), row, slope)
          .with(Attributes.postOperand(1), row, shift)
          .with(Attributes.postOperand(2), tensors.layout, tensors.dy)
          .with(DNNL_ARG_DST, tensors.layout, tensors.dy);
    }
  }

  private Runnable spread(Steps.Memory memory, Buffer channels, Buffer target) {
    return SliceLoops.spread(slices, memory.floats(channels), memory.floats(target));
  }
}
