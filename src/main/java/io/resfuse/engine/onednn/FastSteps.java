package io.resfuse.engine.onednn;

import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.onednn.TrainingWeights.Entry;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.jspecify.annotations.Nullable;

/**
 * Adds a fast convolution to a training plan. Its weights, which every step changes, are put in
 * order right before it, in memory that other operations use at other times. Not thread-safe.
 */
final class FastSteps {
  private final Scope scope;
  private final TrainingParts parts;
  private final FusedConv conv;
  private final Entry weight;

  FastSteps(Scope scope, TrainingParts parts, FusedConv conv, Entry weight) {
    this.scope = scope;
    this.parts = parts;
    this.conv = conv;
    this.weight = weight;
  }

  /**
   * The forward pass, of training and of evaluation.
   *
   * @param x what is read
   * @param bias added to the result; null if there is none
   * @param y takes the result
   * @param statistics of the batch, which training takes while it has the result in registers; null
   *     if they are not wanted
   */
  void forward(
      FastConvolution fast,
      Buffer x,
      @Nullable Buffer bias,
      Buffer y,
      @Nullable BatchStatistics statistics,
      int time) {
    add(parts.forwards(), conv.name(), fast, x, bias, y, statistics, time);
  }

  /**
   * The gradient of the input.
   *
   * @param fast the convolution's {@link FastConvolution#backward}
   * @param dy the gradient of its result
   * @param dx takes that of its input
   */
  void backward(FastConvolution fast, Buffer dy, Buffer dx, int time) {
    add(parts.backwards(), conv.name() + " data", fast, dy, null, dx, null, time);
  }

  /**
   * The gradient of the weights, which must be trained and lie as in a file.
   *
   * @param fast the convolution
   * @param x what it read
   * @param dy the gradient of its result
   */
  void weightGradient(FastConvolution fast, Buffer x, Buffer dy, int time) {
    Buffer gradient = weight.gradient();
    if (gradient == null || !Dnnl.equal(weight.layout(), weight.plain())) {
      throw new IllegalStateException("no place for the gradient of " + weight.spec().name());
    }
    Buffer scratch = Buffer.inArena(fast.gradientScratchBytes());
    for (Steps steps : parts.backwards()) {
      steps.add(
          conv.name() + " weights",
          fast.gradientImplementation(),
          time,
          List.of(x, dy, gradient, scratch),
          memory ->
              fast.weightGradient(
                  scope,
                  memory.address(x),
                  memory.address(dy),
                  memory.address(gradient),
                  steps == parts.accumulation(),
                  memory.address(scratch)));
    }
  }

  private void add(
      List<Steps> lists,
      String name,
      FastConvolution fast,
      Buffer from,
      @Nullable Buffer bias,
      Buffer to,
      @Nullable BatchStatistics statistics,
      int time) {
    dnnl_memory_desc layout = fast.weights(scope);
    boolean isInOrder = Dnnl.equal(weight.layout(), layout);
    Buffer weights = isInOrder ? weight.master() : parts.arena(layout);
    FastConvolution training = statistics == null ? fast : fast.withStatistics();
    Buffer scratch = Buffer.inArena(Math.max(fast.scratchBytes(), training.scratchBytes()));
    List<Buffer> used = new ArrayList<>(List.of(from, weights, to, scratch));
    if (bias != null) {
      used.add(bias);
    }
    if (statistics != null) {
      used.add(statistics.mean());
      used.add(statistics.variance());
    }
    for (Steps steps : lists) {
      if (!isInOrder) {
        String copying = name + " weights in order";
        parts.copy(steps, copying, weight.layout(), weight.master(), layout, weights, time);
      }
      BatchStatistics wanted = steps == parts.evaluation() ? null : statistics;
      steps.add(
          name,
          fast.implementation(),
          time,
          used,
          memory ->
              (wanted == null ? fast : training)
                  .convolve(
                      scope,
                      new FastConvolution.Addresses(
                          memory.address(from),
                          memory.address(weights),
                          bias == null ? 0 : memory.address(bias),
                          0,
                          memory.address(to),
                          wanted == null ? 0 : memory.address(wanted.mean()),
                          wanted == null ? 0 : memory.address(wanted.variance()),
                          memory.address(scratch)),
                      false));
    }
  }
}
