package io.resfuse.engine.onednn;

import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.AveragePool;
import io.resfuse.engine.Operation.BilinearResize;
import io.resfuse.engine.Operation.Concat;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.GlobalAveragePool;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.Value;

/** Adds the backward pass of each operation to a training plan. Not thread-safe. */
final class TrainingBackward {
  private final TrainingLayouts layouts;
  private final TrainingParts parts;
  private final TrainingForward forward;
  private final ValueGradients gradients;
  private final ConvolutionBackward convolutions;
  private final PoolBackward pools;
  private final LinearBackward linears;
  private final MapBackward maps;

  TrainingBackward(
      TrainingLayouts layouts,
      TrainingParts parts,
      WeightGradients weightGradients,
      TrainingForward forward) {
    this.layouts = layouts;
    this.parts = parts;
    this.forward = forward;
    this.gradients = new ValueGradients(layouts, parts);
    this.convolutions = new ConvolutionBackward(layouts, parts, weightGradients, gradients);
    this.pools = new PoolBackward(layouts, parts, gradients);
    this.linears = new LinearBackward(layouts, parts, gradients);
    this.maps = new MapBackward(layouts, parts, gradients);
  }

  ValueGradients gradients() {
    return gradients;
  }

  void add(Operation operation, int time) {
    Buffer gradient = gradients.of(operation.output());
    TrainingLayer layer = forward.layer(operation);
    if (gradient == null || layer == null) {
      // Nothing that leads to an output reads it.
      return;
    }
    if (operation instanceof FusedConv conv) {
      convolutions.add(conv, layer, gradient, time);
    } else if (operation instanceof MaxPool pool) {
      pools.add(pool, layer, gradient, time);
    } else if (operation instanceof AveragePool pool) {
      pools.add(pool, layer, gradient, time);
    } else if (operation instanceof SqueezeExcite gating && layer.gate != null) {
      add(gating, layer.gate, gradient, time);
    } else if (operation instanceof BilinearResize resize) {
      maps.add(resize, layer, gradient, time);
    } else if (operation instanceof Concat concat) {
      maps.add(concat, gradient, time);
    } else if (operation instanceof GlobalAveragePool pool) {
      pools.add(pool, layer, gradient, time);
    } else if (operation instanceof SubsampledIdentity identity) {
      convolutions.add(identity, layer, gradient, time);
    } else if (operation instanceof Linear linear) {
      linears.add(linear, forward.weightsOf(linear), gradient, time);
    }
  }

  private void add(SqueezeExcite gating, GateSteps steps, Buffer gradient, int time) {
    Value residual = gating.residual();
    boolean passedOn = residual != null && gradients.isWanted(residual);
    Buffer dx = null;
    if (gradients.isWanted(gating.input())) {
      dx = passedOn ? parts.arena(layouts.desc(gating.input())) : gradient;
    }
    steps.backward(gradient, dx, time);
    if (dx != null) {
      gradients.contribute(gating.input(), dx, time);
    }
    if (passedOn) {
      // Last: from here on the buffer is the residual's gradient.
      gradients.contribute(residual, gradient, time);
    }
  }
}
