package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.onednn.TrainingWeights.Entry;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/**
 * A step that writes gradients of parameters: in the backward pass in place, when accumulating
 * aside, to be added. The {@link #next} steps, each for further images, are added in both. Not
 * thread-safe.
 */
final class GradientStep {
  private final TrainingParts parts;
  private final String name;
  private final int time;
  private final Map<Entry, Buffer> asides;
  private final List<Place> places;

  /** The step in one of the passes, and what is to be added after it. */
  private record Place(Steps steps, Steps.Step step, boolean adds, List<Runnable> additions) {}

  GradientStep(TrainingParts parts, String name, dnnl_primitive_desc desc, int time) {
    this(parts, name, time, new HashMap<>(), desc, false);
  }

  private GradientStep(
      TrainingParts parts,
      String name,
      int time,
      Map<Entry, Buffer> asides,
      dnnl_primitive_desc desc,
      boolean adds) {
    this.parts = parts;
    this.name = name;
    this.time = time;
    this.asides = asides;
    this.places =
        List.of(place(parts.backward(), desc, adds), place(parts.accumulation(), desc, true));
  }

  private Place place(Steps steps, dnnl_primitive_desc desc, boolean adds) {
    return new Place(steps, steps.add(name, desc, time), adds, new ArrayList<>());
  }

  /** Begins a step whose gradients are added to those of this one. */
  GradientStep next(dnnl_primitive_desc desc) {
    return new GradientStep(parts, name, time, asides, desc, true);
  }

  GradientStep with(int index, dnnl_memory_desc layout, Buffer buffer) {
    return with(index, layout, buffer, 0);
  }

  /** An argument that begins some bytes after the beginning of its buffer. */
  GradientStep with(int index, dnnl_memory_desc layout, Buffer buffer, long offset) {
    places.forEach(place -> place.step.with(index, layout, buffer, offset));
    return this;
  }

  /** An argument that is the gradient of a parameter; if it has none, the result is dropped. */
  GradientStep gradient(int index, Entry entry, dnnl_memory_desc layout) {
    Buffer target = entry.gradient();
    Buffer aside = asides.computeIfAbsent(entry, any -> parts.arena(layout));
    for (Place place : places) {
      boolean isAside = target == null || place.adds;
      place.step.with(index, layout, isAside ? aside : target);
      if (target != null && place.adds) {
        place.additions.add(() -> add(place.steps, entry, target, aside));
      }
    }
    return this;
  }

  private void add(Steps steps, Entry entry, Buffer target, Buffer aside) {
    dnnl_memory_desc flat = Dnnl.vector(parts.scope(), target.bytes() / Float.BYTES);
    steps
        .add(
            "accumulating " + entry.spec().name(),
            Pointwise.add(parts.scope(), flat, flat, flat, false),
            time)
        .with(DNNL_ARG_SRC_0, flat, target)
        .with(DNNL_ARG_SRC_1, flat, aside)
        .with(DNNL_ARG_DST, flat, target);
  }

  GradientStep onZeros() {
    places.forEach(place -> place.step.onZeros());
    return this;
  }

  void end() {
    places.forEach(place -> place.additions.forEach(Runnable::run));
  }
}
