package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.GlobalAveragePool;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.Value;
import io.resfuse.engine.onednn.TrainingWeights.Entry;
import io.resfuse.engine.onednn.WeightGradients.WeightGradient;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.jspecify.annotations.Nullable;

/**
 * Adds the backward pass of each operation to a training plan. The gradient of a result is
 * overwritten by what flows back through ReLU and becomes the gradient of the residual without a
 * copy; further contributions to a gradient are computed aside and added. Not thread-safe.
 */
final class TrainingBackward {
  private final Scope scope;
  private final int type;
  private final TrainingLayouts layouts;
  private final TrainingParts parts;
  private final TrainingWeights weights;
  private final WeightGradients weightGradients;
  private final TrainingForward forward;
  private final Map<Integer, Buffer> gradients = new HashMap<>();

  TrainingBackward(
      TrainingLayouts layouts,
      TrainingParts parts,
      WeightGradients weightGradients,
      TrainingForward forward) {
    this.scope = layouts.scope();
    this.type = layouts.type();
    this.layouts = layouts;
    this.parts = parts;
    this.weights = parts.weights();
    this.weightGradients = weightGradients;
    this.forward = forward;
  }

  /** The gradient of a value; null if there is none so far. */
  @Nullable Buffer gradient(Value value) {
    return gradients.get(value.id());
  }

  /**
   * Adds a tensor to the gradient of a value. The first becomes the gradient itself; the caller
   * must not use it otherwise afterwards.
   */
  void contribute(Value value, Buffer contribution, int time) {
    Buffer present = gradients.putIfAbsent(value.id(), contribution);
    if (present != null) {
      dnnl_memory_desc layout = layouts.desc(value, type);
      dnnl_primitive_desc sum = Dnnl.add(scope, layout, layout, layout, false);
      for (Steps steps : parts.backwards()) {
        steps
            .add("adding gradients of " + value.name(), sum, time)
            .with(DNNL_ARG_SRC_0, layout, present)
            .with(DNNL_ARG_SRC_1, layout, contribution)
            .with(DNNL_ARG_DST, layout, present);
      }
    }
  }

  /**
   * A step that writes gradients of parameters: in the backward pass in place, when accumulating
   * aside, to be added.
   */
  private final class GradientStep {
    private final List<Steps.Step> both;
    private final int time;
    private final List<Runnable> additions = new ArrayList<>();

    GradientStep(String name, dnnl_primitive_desc desc, int time) {
      this.both =
          List.of(
              parts.backward().add(name, desc, time), parts.accumulation().add(name, desc, time));
      this.time = time;
    }

    GradientStep with(int index, dnnl_memory_desc layout, Buffer buffer) {
      both.forEach(step -> step.with(index, layout, buffer));
      return this;
    }

    /** An argument that is the gradient of a parameter; if it has none, the result is dropped. */
    GradientStep gradient(int index, Entry entry, dnnl_memory_desc layout) {
      Buffer target = entry.gradient();
      if (target == null) {
        return with(index, layout, parts.arena(layout));
      }
      both.get(0).with(index, layout, target);
      Buffer aside = parts.arena(layout);
      both.get(1).with(index, layout, aside);
      additions.add(
          () -> {
            dnnl_memory_desc flat = Dnnl.vector(scope, target.bytes() / Float.BYTES);
            parts
                .accumulation()
                .add(
                    "accumulating " + entry.spec().name(),
                    Dnnl.add(scope, flat, flat, flat, false),
                    time)
                .with(DNNL_ARG_SRC_0, flat, target)
                .with(DNNL_ARG_SRC_1, flat, aside)
                .with(DNNL_ARG_DST, flat, target);
          });
      return this;
    }

    GradientStep onZeros() {
      both.forEach(Steps.Step::onZeros);
      return this;
    }

    void end() {
      additions.forEach(Runnable::run);
    }
  }

  void add(Operation operation, int time) {
    Buffer gradient = gradients.get(operation.output().id());
    TrainingLayer layer = forward.layer(operation);
    if (gradient == null || layer == null) {
      // Nothing that leads to an output reads it.
      return;
    }
    if (operation instanceof FusedConv conv) {
      backward(conv, layer, gradient, time);
    } else if (operation instanceof MaxPool pool) {
      Window window = pool.window();
      poolBackward(
          pool,
          layer,
          dnnl_pooling_max,
          Descs.pair(window.stride()),
          Descs.kernel(window),
          window.padding(),
          layouts.desc(pool.output()),
          gradient,
          time);
    } else if (operation instanceof GlobalAveragePool pool) {
      long[] whole = Descs.whole(layouts.shape(pool.input()));
      poolBackward(
          pool,
          layer,
          dnnl_pooling_avg_exclude_padding,
          whole,
          whole,
          0,
          layouts.pooled(pool.output()),
          gradient,
          time);
    } else if (operation instanceof SubsampledIdentity identity) {
      dataGradient(
          identity.name(),
          identity.input(),
          identity.output(),
          Dnnl.anyWeights(scope, type, 1, Descs.selectionDims(identity)),
          Descs.selectionWindow(identity),
          layer,
          gradient,
          layout -> parts.selection(identity, layout),
          time);
    } else if (operation instanceof Linear linear) {
      backward(linear, gradient, time);
    }
  }

  private void backward(FusedConv conv, TrainingLayer layer, Buffer gradient, int time) {
    dnnl_memory_desc target = layouts.desc(conv.output());
    if (conv.relu() && layer.workspace == null) {
      dnnl_primitive_desc mask =
          Dnnl.reluBackward(scope, target, Dnnl.relu(scope, dnnl_forward_training, target));
      for (Steps steps : parts.backwards()) {
        steps
            .add(conv.name() + " ReLU", mask, time)
            .with(DNNL_ARG_DST, target, parts.valueOf(conv.output()))
            .with(DNNL_ARG_DIFF_DST, target, gradient)
            .with(DNNL_ARG_DIFF_SRC, target, gradient);
      }
    }
    Value residual = conv.residual();
    boolean passedOn = residual != null && parts.flow().reaches(residual);
    Buffer dy = gradient;
    if (conv.batchNorm() != null) {
      dy = passedOn ? parts.arena(target) : gradient;
      normBackward(conv, conv.batchNorm(), layer, target, gradient, dy, time);
    }
    if (parts.flow().trains(conv.weight())
        || (conv.bias() != null && parts.flow().trains(conv.bias()))) {
      weightGradient(conv, layer, dy, time);
    }
    if (parts.flow().reaches(conv.input())) {
      Entry weight = weights.get(conv.weight());
      dataGradient(
          conv.name(),
          conv.input(),
          conv.output(),
          layouts.anyWeights(conv, type),
          conv.window(),
          layer,
          dy,
          layout -> parts.packed(weight, layout),
          time);
    }
    if (passedOn) {
      // Last: from here on the buffer is the residual's gradient.
      contribute(residual, gradient, time);
    }
  }

  private void normBackward(
      FusedConv conv,
      BatchNorm norm,
      TrainingLayer layer,
      dnnl_memory_desc target,
      Buffer gradient,
      Buffer dy,
      int time) {
    dnnl_memory_desc vector = Dnnl.vector(scope, conv.output().channels());
    dnnl_primitive_desc forwardDesc = layer.norm;
    BatchStatistics stats = layer.statistics;
    Buffer y = layer.y;
    if (forwardDesc == null || stats == null || y == null) {
      throw new IllegalStateException("no forward pass of " + norm.gamma().name());
    }
    SlicedNorm sliced = layer.sliced;
    if (sliced != null && type == Dnnl.F32) {
      sliced.backward(
          new SlicedNorm.Tensors(target, y, gradient, dy, layer.workspace),
          weights.get(norm.gamma()),
          weights.get(norm.beta()),
          time);
      return;
    }
    dnnl_primitive_desc desc =
        Dnnl.batchNormBackward(scope, target, target, norm.epsilon(), layer.flags, forwardDesc);
    GradientStep step =
        new GradientStep(norm.gamma().name(), desc, time)
            .with(DNNL_ARG_SRC, target, y)
            .with(DNNL_ARG_MEAN, vector, stats.mean())
            .with(DNNL_ARG_VARIANCE, vector, stats.variance())
            .with(DNNL_ARG_DIFF_DST, target, gradient)
            .with(DNNL_ARG_SCALE, vector, weights.get(norm.gamma()).master())
            .with(DNNL_ARG_DIFF_SRC, target, dy)
            .gradient(DNNL_ARG_DIFF_SCALE, weights.get(norm.gamma()), vector)
            .gradient(DNNL_ARG_DIFF_SHIFT, weights.get(norm.beta()), vector);
    if (layer.workspace != null) {
      step.with(DNNL_ARG_WORKSPACE, Dnnl.workspaceOf(forwardDesc), layer.workspace);
    }
    step.end();
  }

  private void weightGradient(FusedConv conv, TrainingLayer layer, Buffer dy, int time) {
    WeightGradient found = weightGradients.of(conv, layer.forward);
    Buffer input = inType(conv.input(), parts.valueOf(conv.input()), found.type(), time);
    Buffer gradient = inType(conv.output(), dy, found.type(), time);
    GradientStep step =
        new GradientStep(conv.name() + " weights", found.desc(), time)
            .with(DNNL_ARG_SRC, layouts.desc(conv.input(), found.type()), input)
            .with(DNNL_ARG_DIFF_DST, layouts.desc(conv.output(), found.type()), gradient)
            .gradient(
                DNNL_ARG_DIFF_WEIGHTS,
                weights.get(conv.weight()),
                Dnnl.weightGradientOf(found.desc()));
    if (hasIdleTaps(conv)) {
      // Of these oneDNN's bf16 primitives leave whatever was in memory.
      step.onZeros();
    }
    if (conv.bias() != null) {
      step.gradient(
          DNNL_ARG_DIFF_BIAS,
          weights.get(conv.bias()),
          Dnnl.vector(scope, conv.output().channels()));
    }
    step.end();
  }

  /** A value or its gradient in a type: itself, or a copy for the backward pass. */
  private Buffer inType(Value value, Buffer from, int wanted, int time) {
    if (wanted == type) {
      return from;
    }
    dnnl_memory_desc layout = layouts.desc(value, wanted);
    Buffer converted = parts.arena(layout);
    for (Steps steps : parts.backwards()) {
      parts.copy(
          steps, "converting " + value.name(), layouts.desc(value), from, layout, converted, time);
    }
    return converted;
  }

  /** Whether the image is so small that parts of the window never meet a pixel. */
  private boolean hasIdleTaps(FusedConv conv) {
    Shape in = layouts.shape(conv.input());
    Shape out = layouts.shape(conv.output());
    return hasIdleTaps(conv.window(), in.dimension(2), out.dimension(2))
        || hasIdleTaps(conv.window(), in.dimension(3), out.dimension(3));
  }

  private static boolean hasIdleTaps(Window window, int in, int out) {
    for (int tap = 0; tap < window.kernel(); tap++) {
      boolean meets = false;
      for (int o = 0; o < out; o++) {
        int at = o * window.stride() - window.padding() + tap * window.dilation();
        meets |= at >= 0 && at < in;
      }
      if (!meets) {
        return true;
      }
    }
    return false;
  }

  private interface WeightsInLayout {
    Buffer in(dnnl_memory_desc layout);
  }

  private void dataGradient(
      String name,
      Value in,
      Value out,
      dnnl_memory_desc anyWeights,
      Window window,
      TrainingLayer layer,
      Buffer dy,
      WeightsInLayout packedWeights,
      int time) {
    if (!parts.flow().reaches(in)) {
      return;
    }
    // For images of few channels a plain layout is best forward, but not backward.
    boolean free = layouts.isPlainInput(in);
    dnnl_memory_desc wish =
        free ? Dnnl.desc(scope, type, Dnnl.ANY, Descs.dims(layouts.shape(in))) : layouts.desc(in);
    dnnl_primitive_desc desc =
        Dnnl.convolutionBackwardData(
            scope, wish, anyWeights, layouts.desc(out), window, layer.forward);
    dnnl_memory_desc layout = Dnnl.sourceGradientOf(desc);
    Buffer packed = packedWeights.in(Dnnl.weightsOf(desc));
    Buffer dx = parts.arena(layout);
    for (Steps steps : parts.backwards()) {
      steps
          .add(name + " data", desc, time)
          .with(DNNL_ARG_WEIGHTS, Dnnl.weightsOf(desc), packed)
          .with(DNNL_ARG_DIFF_DST, layouts.desc(out), dy)
          .with(DNNL_ARG_DIFF_SRC, layout, dx);
    }
    if (!Dnnl.equal(layout, layouts.desc(in))) {
      Buffer plain = parts.arena(layouts.desc(in));
      for (Steps steps : parts.backwards()) {
        parts.copy(steps, name + " data", layout, dx, layouts.desc(in), plain, time);
      }
      dx = plain;
    }
    contribute(in, dx, time);
  }

  private void poolBackward(
      Operation pool,
      TrainingLayer layer,
      int algorithm,
      long[] strides,
      long[] kernel,
      long padding,
      dnnl_memory_desc target,
      Buffer gradient,
      int time) {
    Value in = pool.inputs().get(0);
    dnnl_primitive_desc desc =
        Dnnl.poolingBackward(
            scope, algorithm, layouts.desc(in), target, strides, kernel, padding, layer.forward);
    Buffer dx = parts.arena(layouts.desc(in));
    for (Steps steps : parts.backwards()) {
      Steps.Step step =
          steps
              .add(pool.name(), desc, time)
              .with(DNNL_ARG_DIFF_DST, target, gradient)
              .with(DNNL_ARG_DIFF_SRC, layouts.desc(in), dx);
      if (layer.workspace != null) {
        step.with(DNNL_ARG_WORKSPACE, Dnnl.workspaceOf(layer.forward), layer.workspace);
      }
    }
    contribute(in, dx, time);
  }

  private void backward(Linear linear, Buffer gradient, int time) {
    long batch = layouts.options().batch();
    long in = linear.input().channels();
    long out = linear.output().channels();
    dnnl_memory_desc dy = Dnnl.matrix(scope, type, batch, out);
    dnnl_memory_desc dyTransposed =
        Dnnl.strided(scope, type, new long[] {out, batch}, new long[] {1, out});
    Entry weight = weights.get(linear.weight());
    if (weight.isTrained()) {
      GradientStep step =
          new GradientStep(
                  linear.name() + " weights",
                  Dnnl.matmul(
                      scope, dyTransposed, layouts.desc(linear.input()), null, weight.layout()),
                  time)
              .with(DNNL_ARG_SRC, dyTransposed, gradient)
              .with(DNNL_ARG_WEIGHTS, layouts.desc(linear.input()), parts.valueOf(linear.input()))
              .gradient(DNNL_ARG_DST, weight, weight.layout());
      step.end();
    }
    Entry bias = weights.get(linear.bias());
    if (bias.isTrained()) {
      dnnl_memory_desc row = Dnnl.matrix(scope, type, 1, batch);
      dnnl_memory_desc sums = Dnnl.matrix(scope, Dnnl.F32, 1, out);
      new GradientStep(linear.name() + " bias", Dnnl.matmul(scope, row, dy, null, sums), time)
          .with(DNNL_ARG_SRC, row, parts.ones(batch, row))
          .with(DNNL_ARG_WEIGHTS, dy, gradient)
          .gradient(DNNL_ARG_DST, bias, sums)
          .end();
    }
    if (parts.flow().reaches(linear.input())) {
      dnnl_memory_desc matrix = Dnnl.matrix(scope, type, out, in);
      dnnl_memory_desc dx = Dnnl.matrix(scope, type, batch, in);
      Buffer target = parts.arena(dx);
      Buffer packed = forward.weightsOf(linear);
      dnnl_primitive_desc desc = Dnnl.matmul(scope, dy, matrix, null, dx);
      for (Steps steps : parts.backwards()) {
        steps
            .add(linear.name() + " data", desc, time)
            .with(DNNL_ARG_SRC, dy, gradient)
            .with(DNNL_ARG_WEIGHTS, matrix, packed)
            .with(DNNL_ARG_DST, dx, target);
      }
      contribute(linear.input(), target, time);
    }
  }
}
