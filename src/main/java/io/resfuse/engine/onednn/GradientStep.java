package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.onednn.TrainingWeights.Entry;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/**
 * A step that writes gradients of parameters: in the backward pass in place, when accumulating
 * aside, to be added.
 */
final class GradientStep {
  private final TrainingParts parts;
  private final List<Steps.Step> both;
  private final int time;
  private final List<Runnable> additions = new ArrayList<>();

  GradientStep(TrainingParts parts, String name, dnnl_primitive_desc desc, int time) {
    this.parts = parts;
    this.both =
        List.of(parts.backward().add(name, desc, time), parts.accumulation().add(name, desc, time));
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
          dnnl_memory_desc flat = Dnnl.vector(parts.scope(), target.bytes() / Float.BYTES);
          parts
              .accumulation()
              .add(
                  "accumulating " + entry.spec().name(),
                  Pointwise.add(parts.scope(), flat, flat, flat, false),
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
