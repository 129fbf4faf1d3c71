package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.Value;
import io.resfuse.engine.onednn.TrainingWeights.Entry;
import io.resfuse.engine.onednn.WeightGradients.Part;
import io.resfuse.engine.onednn.WeightGradients.WeightGradient;
import io.resfuse.tensor.Shape;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/**
 * Adds the backward pass of convolutions, with the ReLU, residual and batch norm that are fused
 * with them, and of subsampled identities, which are convolutions, too. Not thread-safe.
 */
final class ConvolutionBackward {
  private final Scope scope;
  private final int type;
  private final TrainingLayouts layouts;
  private final TrainingParts parts;
  private final TrainingWeights weights;
  private final WeightGradients weightGradients;
  private final ValueGradients gradients;
  private final NormBackward norms;

  ConvolutionBackward(
      TrainingLayouts layouts,
      TrainingParts parts,
      WeightGradients weightGradients,
      ValueGradients gradients) {
    this.scope = layouts.scope();
    this.type = layouts.type();
    this.layouts = layouts;
    this.parts = parts;
    this.weights = parts.weights();
    this.weightGradients = weightGradients;
    this.gradients = gradients;
    this.norms = new NormBackward(layouts, parts);
  }

  void add(FusedConv conv, TrainingLayer layer, Buffer gradient, int time) {
    dnnl_memory_desc target = layouts.desc(conv.output());
    if (conv.relu() && layer.workspace == null && layer.fused == null) {
      dnnl_primitive_desc mask =
          Pointwise.reluBackward(
              scope, target, Pointwise.relu(scope, dnnl_forward_training, target));
      for (Steps steps : parts.backwards()) {
        steps
            .add(conv.name() + " ReLU", mask, time)
            .with(DNNL_ARG_DST, target, parts.valueOf(conv.output()))
            .with(DNNL_ARG_DIFF_DST, target, gradient)
            .with(DNNL_ARG_DIFF_SRC, target, gradient);
      }
    }
    Value residual = conv.residual();
    boolean passedOn = residual != null && gradients.isWanted(residual);
    Buffer dy = gradient;
    if (conv.batchNorm() != null) {
      dy = passedOn ? parts.arena(target) : gradient;
      norms.add(conv, conv.batchNorm(), layer, target, gradient, dy, time);
    }
    if (parts.flow().trains(conv.weight())
        || (conv.bias() != null && parts.flow().trains(conv.bias()))) {
      weightGradient(conv, dy, time);
    }
    if (gradients.isWanted(conv.input())) {
      Entry weight = weights.get(conv.weight());
      FastConvolution fast = layouts.fast(conv);
      if (fast != null) {
        Buffer dx = parts.arena(layouts.desc(conv.input()));
        new FastSteps(scope, parts, conv, weight).backward(fast.backward(), dy, dx, time);
        gradients.contribute(conv.input(), dx, time);
      } else {
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
    }
    if (passedOn) {
      // Last: from here on the buffer is the residual's gradient.
      gradients.contribute(residual, gradient, time);
    }
  }

  void add(SubsampledIdentity identity, TrainingLayer layer, Buffer gradient, int time) {
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
  }

  private void weightGradient(FusedConv conv, Buffer dy, int time) {
    WeightGradient found = weightGradients.of(conv);
    if (found.fast() != null) {
      new FastSteps(scope, parts, conv, weights.get(conv.weight()))
          .weightGradient(found.fast(), parts.valueOf(conv.input()), dy, time);
      return;
    }
    int read = found.type();
    Buffer input = inType(conv.input(), parts.valueOf(conv.input()), read, time);
    Buffer gradient = inType(conv.output(), dy, read, time);
    GradientStep step = null;
    for (Part part : found.parts()) {
      int first = part.slice().first();
      int images = part.slice().images();
      step =
          step == null
              ? new GradientStep(parts, conv.name() + " weights", part.desc(), time)
              : step.next(part.desc());
      step.with(
              DNNL_ARG_SRC,
              layouts.desc(conv.input(), read, images),
              input,
              layouts.offset(conv.input(), read, first))
          .with(
              DNNL_ARG_DIFF_DST,
              layouts.desc(conv.output(), read, images),
              gradient,
              layouts.offset(conv.output(), read, first))
          .gradient(DNNL_ARG_DIFF_WEIGHTS, weights.get(conv.weight()), found.layout());
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
    if (!gradients.isWanted(in)) {
      return;
    }
    // For images of few channels a plain layout is best forward, but not backward.
    boolean free = layouts.isPlainInput(in);
    dnnl_memory_desc wish =
        free ? Dnnl.desc(scope, type, Dnnl.ANY, Descs.dims(layouts.shape(in))) : layouts.desc(in);
    dnnl_primitive_desc desc =
        Convolutions.inputGradient(
            scope, wish, anyWeights, layouts.desc(out), window, layer.forward);
    dnnl_memory_desc layout = PrimitiveDescs.sourceGradientOf(desc);
    Buffer packed = packedWeights.in(PrimitiveDescs.weightsOf(desc));
    Buffer dx = parts.arena(layout);
    for (Steps steps : parts.backwards()) {
      steps
          .add(name + " data", desc, time)
          .with(DNNL_ARG_WEIGHTS, PrimitiveDescs.weightsOf(desc), packed)
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
    gradients.contribute(in, dx, time);
  }
}
