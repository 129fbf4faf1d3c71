package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.AveragePool;
import io.resfuse.engine.Operation.GlobalAveragePool;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Value;
import io.resfuse.engine.onednn.Poolings.Pooling;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/** Adds the backward pass of pools. Not thread-safe. */
final class PoolBackward {
  private final Scope scope;
  private final TrainingLayouts layouts;
  private final TrainingParts parts;
  private final ValueGradients gradients;

  PoolBackward(TrainingLayouts layouts, TrainingParts parts, ValueGradients gradients) {
    this.scope = layouts.scope();
    this.layouts = layouts;
    this.parts = parts;
    this.gradients = gradients;
  }

  void add(MaxPool pool, TrainingLayer layer, Buffer gradient, int time) {
    add(pool, layer, Pooling.of(pool), layouts.desc(pool.output()), gradient, time);
  }

  void add(AveragePool pool, TrainingLayer layer, Buffer gradient, int time) {
    Pooling pooling = Pooling.of(pool, layouts.shape(pool.input()));
    add(pool, layer, pooling, layouts.desc(pool.output()), gradient, time);
  }

  void add(GlobalAveragePool pool, TrainingLayer layer, Buffer gradient, int time) {
    Pooling pooling = Pooling.ofAll(layouts.shape(pool.input()));
    add(pool, layer, pooling, layouts.pooled(pool.output()), gradient, time);
  }

  private void add(
      Operation pool,
      TrainingLayer layer,
      Pooling pooling,
      dnnl_memory_desc target,
      Buffer gradient,
      int time) {
    Value in = pool.inputs().get(0);
    dnnl_primitive_desc desc =
        Poolings.backward(scope, pooling, layouts.desc(in), target, layer.forward);
    Buffer dx = parts.arena(layouts.desc(in));
    for (Steps steps : parts.backwards()) {
      Steps.Step step =
          steps
              .add(pool.name(), desc, time)
              .with(DNNL_ARG_DIFF_DST, target, gradient)
              .with(DNNL_ARG_DIFF_SRC, layouts.desc(in), dx);
      if (layer.workspace != null) {
        step.with(DNNL_ARG_WORKSPACE, PrimitiveDescs.workspaceOf(layer.forward), layer.workspace);
      }
    }
    gradients.contribute(in, dx, time);
  }
}
