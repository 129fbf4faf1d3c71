package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.Value;
import java.util.HashMap;
import java.util.Map;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.jspecify.annotations.Nullable;

/**
 * The gradients of values. That of a result is overwritten by what flows back through ReLU and
 * becomes the gradient of the residual without a copy; further contributions to a gradient are
 * computed aside and added. Not thread-safe.
 */
final class ValueGradients {
  private final TrainingLayouts layouts;
  private final TrainingParts parts;
  private final Map<Integer, Buffer> gradients = new HashMap<>();

  ValueGradients(TrainingLayouts layouts, TrainingParts parts) {
    this.layouts = layouts;
    this.parts = parts;
  }

  /** The gradient of a value; null if there is none so far. */
  @Nullable Buffer of(Value value) {
    return gradients.get(value.id());
  }

  /** Whether a value needs one. */
  boolean isWanted(Value value) {
    return parts.flow().reaches(value);
  }

  /**
   * Adds a tensor to the gradient of a value. The first becomes the gradient itself; the caller
   * must not use it otherwise afterwards.
   */
  void contribute(Value value, Buffer contribution, int time) {
    Buffer present = gradients.putIfAbsent(value.id(), contribution);
    if (present != null) {
      dnnl_memory_desc layout = layouts.desc(value, layouts.type());
      dnnl_primitive_desc sum = Pointwise.add(parts.scope(), layout, layout, layout, false);
      for (Steps steps : parts.backwards()) {
        steps
            .add("adding gradients of " + value.name(), sum, time)
            .with(DNNL_ARG_SRC_0, layout, present)
            .with(DNNL_ARG_SRC_1, layout, contribution)
            .with(DNNL_ARG_DST, layout, present);
      }
    }
  }
}
