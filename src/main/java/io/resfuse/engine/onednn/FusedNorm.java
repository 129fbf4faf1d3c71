package io.resfuse.engine.onednn;

import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.onednn.TrainingWeights.Entry;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.LongConsumer;
import org.bytedeco.javacpp.LongPointer;
import org.jspecify.annotations.Nullable;

/**
 * The batch norm of a convolution with the ReLU and the residual behind it, by kernels of our own:
 * one pass for the sums, in float64, and one for all the rest, forward and backward; the first of
 * the forward pass is not needed where the convolution gives the statistics. The formulas are in
 * {@code native/cpu/src/norm.h}. Not thread-safe.
 */
final class FusedNorm {
  private static final long NO_RELU = 0;
  private static final long MASK_OF_NORM = 1;
  private static final long MASK_OF_OUTPUT = 2;

  private final Scope scope;
  private final TrainingParts parts;
  private final TrainingLayouts layouts;
  private final FusedConv conv;
  private final BatchNorm norm;
  private final BatchStatistics statistics;
  private final boolean given;
  private final Shape shape;
  private final long block;

  FusedNorm(
      Scope scope,
      TrainingParts parts,
      TrainingLayouts layouts,
      FusedConv conv,
      BatchNorm norm,
      BatchStatistics statistics) {
    this.scope = scope;
    this.parts = parts;
    this.layouts = layouts;
    this.conv = conv;
    this.norm = norm;
    this.statistics = statistics;
    this.given = layouts.options().isFrozen(norm);
    this.shape = layouts.shape(conv.output());
    this.block = layouts.format().isBlocked() ? layouts.format().block() : 0;
  }

  /** Whether there are kernels for a plan. */
  static boolean canTake(TrainingLayouts layouts) {
    return CpuKernels.areThere() && layouts.format() != TrainingFormat.PLANES;
  }

  private Buffer scratch() {
    return Buffer.inArena(CpuKernels.normScratchBytes(images(), channels(), pixels(), block));
  }

  private long images() {
    return shape.dimension(0);
  }

  private long channels() {
    return shape.dimension(1);
  }

  private long pixels() {
    return (long) shape.dimension(2) * shape.dimension(3);
  }

  private long mask() {
    if (!conv.relu()) {
      return NO_RELU;
    }
    return conv.residual() == null ? MASK_OF_NORM : MASK_OF_OUTPUT;
  }

  /** Buffers of a call; null where it has none. */
  private record Call(
      Buffer x,
      @Nullable Buffer residual,
      @Nullable Buffer out,
      @Nullable Buffer gradient,
      @Nullable Buffer dx,
      Buffer mean,
      Buffer variance,
      Buffer gamma,
      Buffer beta,
      @Nullable Buffer gammaGradient,
      @Nullable Buffer betaGradient,
      Buffer scratch) {
    List<@Nullable Buffer> inOrder() {
      return Arrays.asList(
          x,
          residual,
          out,
          gradient,
          dx,
          mean,
          variance,
          gamma,
          beta,
          gammaGradient,
          betaGradient,
          scratch);
    }

    List<Buffer> used() {
      return inOrder().stream().filter(Objects::nonNull).toList();
    }
  }

  /** The arguments as the kernels want them. */
  private LongPointer arguments(
      Call call, Steps.Memory memory, boolean statisticsAreGiven, boolean accumulate) {
    List<Long> words = new ArrayList<>();
    for (Buffer buffer : call.inOrder()) {
      words.add(buffer == null ? 0L : memory.address(buffer));
    }
    words.add(images());
    words.add(channels());
    words.add(pixels());
    words.add(block);
    words.add(layouts.type() == Dnnl.F32 ? 0L : 1L);
    words.add(mask());
    words.add(statisticsAreGiven ? 1L : 0L);
    words.add(accumulate ? 1L : 0L);
    words.add(Double.doubleToRawLongBits(norm.epsilon()));
    return scope.ownAllocated(new LongPointer(words.stream().mapToLong(Long::longValue).toArray()));
  }

  /**
   * Adds the forward pass, to training and to evaluation.
   *
   * @param y what is normalised
   * @param out takes the result
   * @param residual added before the ReLU; null if there is none
   * @param known whether the convolution has left the statistics of the batch
   */
  void forward(Buffer y, Buffer out, @Nullable Buffer residual, boolean known, int time) {
    forward(
        parts.forward(),
        y,
        out,
        residual,
        given || known,
        statistics.mean(),
        statistics.variance(),
        time);
    forward(
        parts.evaluation(),
        y,
        out,
        residual,
        true,
        statistics.runningMean(),
        statistics.runningVariance(),
        time);
  }

  private void forward(
      Steps steps,
      Buffer y,
      Buffer out,
      @Nullable Buffer residual,
      boolean statisticsAreGiven,
      Buffer mean,
      Buffer variance,
      int time) {
    Call call =
        new Call(
            y,
            residual,
            out,
            null,
            null,
            mean,
            variance,
            parts.weights().get(norm.gamma()).master(),
            parts.weights().get(norm.beta()).master(),
            null,
            null,
            scratch());
    add(steps, call, statisticsAreGiven, false, CpuKernels::normForward, time);
  }

  /**
   * Adds the backward pass, to that which writes gradients and to that which adds to them.
   *
   * @param y what was normalised
   * @param out the result of the forward pass
   * @param gradient of the result; with a residual it is left as that of the residual
   * @param dy takes the gradient of y; may be {@code gradient}
   */
  void backward(Buffer y, Buffer out, Buffer gradient, Buffer dy, int time) {
    Entry gamma = parts.weights().get(norm.gamma());
    Entry beta = parts.weights().get(norm.beta());
    Call call =
        new Call(
            y,
            null,
            mask() == MASK_OF_OUTPUT ? out : null,
            gradient,
            dy,
            statistics.mean(),
            statistics.variance(),
            gamma.master(),
            beta.master(),
            gamma.gradient(),
            beta.gradient(),
            scratch());
    for (Steps steps : parts.backwards()) {
      boolean accumulate = steps == parts.accumulation();
      add(steps, call, given, accumulate, CpuKernels::normBackward, time);
    }
  }

  private void add(
      Steps steps,
      Call call,
      boolean statisticsAreGiven,
      boolean accumulate,
      LongConsumer kernel,
      int time) {
    steps.add(
        norm.gamma().name(),
        CpuKernels.implementation("norm"),
        time,
        call.used(),
        memory -> {
          long arguments = arguments(call, memory, statisticsAreGiven, accumulate).address();
          return () -> kernel.accept(arguments);
        });
  }
}
