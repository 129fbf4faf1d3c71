package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_SRC;

import io.resfuse.engine.Operation.BilinearResize;
import io.resfuse.engine.Operation.Concat;
import io.resfuse.engine.Value;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/** Adds the backward pass of resizes and concatenations. Not thread-safe. */
final class MapBackward {
  private final Scope scope;
  private final TrainingLayouts layouts;
  private final TrainingParts parts;
  private final ValueGradients gradients;

  MapBackward(TrainingLayouts layouts, TrainingParts parts, ValueGradients gradients) {
    this.scope = layouts.scope();
    this.layouts = layouts;
    this.parts = parts;
    this.gradients = gradients;
  }

  void add(BilinearResize resize, TrainingLayer layer, Buffer gradient, int time) {
    dnnl_memory_desc from = layouts.desc(resize.output());
    dnnl_memory_desc to = layouts.desc(resize.input());
    dnnl_primitive_desc desc = Maps.resizeBackward(scope, to, from, layer.forward);
    Buffer dx = parts.arena(to);
    for (Steps steps : parts.backwards()) {
      steps
          .add(resize.name(), desc, time)
          .with(DNNL_ARG_DIFF_DST, from, gradient)
          .with(DNNL_ARG_DIFF_SRC, to, dx);
    }
    gradients.contribute(resize.input(), dx, time);
  }

  void add(Concat concat, Buffer gradient, int time) {
    dnnl_memory_desc whole = layouts.desc(concat.output());
    for (int i = 0; i < concat.inputs().size(); i++) {
      Value input = concat.inputs().get(i);
      if (!gradients.isWanted(input)) {
        continue;
      }
      dnnl_memory_desc to = layouts.desc(input);
      dnnl_memory_desc from =
          Maps.channels(scope, whole, concat.channelsBefore(i), Descs.dims(layouts.shape(input)));
      Buffer dx = parts.arena(to);
      for (Steps steps : parts.backwards()) {
        parts.copy(steps, concat.name(), from, gradient, to, dx, time);
      }
      gradients.contribute(input, dx, time);
    }
  }
}
