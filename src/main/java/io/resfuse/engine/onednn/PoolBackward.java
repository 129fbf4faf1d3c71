package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.GlobalAveragePool;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.Value;
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
    Window window = pool.window();
    add(
        pool,
        layer,
        dnnl_pooling_max,
        Descs.pair(window.stride()),
        Descs.kernel(window),
        window.padding(),
        layouts.desc(pool.output()),
        gradient,
        time);
  }

  void add(GlobalAveragePool pool, TrainingLayer layer, Buffer gradient, int time) {
    long[] whole = Descs.whole(layouts.shape(pool.input()));
    add(
        pool,
        layer,
        dnnl_pooling_avg_exclude_padding,
        whole,
        whole,
        0,
        layouts.pooled(pool.output()),
        gradient,
        time);
  }

  private void add(
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
        Poolings.backward(
            scope, algorithm, layouts.desc(in), target, strides, kernel, padding, layer.forward);
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
