package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Value;
import io.resfuse.engine.onednn.TrainingWeights.Entry;
import io.resfuse.engine.spi.GradientFlow;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.dnnl.dnnl_memory_desc;

/**
 * The lists of steps that make up a training plan, and the buffers that several of them share. Not
 * thread-safe.
 */
final class TrainingParts {
  private final Scope scope;
  private final TrainingLayouts layouts;
  private final GradientFlow flow;
  private final TrainingWeights weights;
  private final Set<Buffer> buffers = Steps.noBuffers();
  private final Steps packing = new Steps(buffers);
  private final Steps forward = new Steps(buffers);
  private final Steps evaluation = new Steps(buffers);
  private final Steps backward = new Steps(buffers);
  private final Steps accumulation = new Steps(buffers);
  private final Map<Integer, Buffer> values = new HashMap<>();

  TrainingParts(TrainingLayouts layouts, GradientFlow flow, TrainingWeights weights) {
    this.scope = layouts.scope();
    this.layouts = layouts;
    this.flow = flow;
    this.weights = weights;
  }

  Scope scope() {
    return scope;
  }

  GradientFlow flow() {
    return flow;
  }

  TrainingWeights weights() {
    return weights;
  }

  Set<Buffer> buffers() {
    return buffers;
  }

  Steps packing() {
    return packing;
  }

  Steps forward() {
    return forward;
  }

  Steps evaluation() {
    return evaluation;
  }

  Steps backward() {
    return backward;
  }

  Steps accumulation() {
    return accumulation;
  }

  /** The lists that a forward step is in. */
  List<Steps> forwards() {
    return List.of(forward, evaluation);
  }

  /** The lists that a backward step is in. */
  List<Steps> backwards() {
    return List.of(backward, accumulation);
  }

  /** Lets a value be where something else is. */
  void place(Value value, Buffer buffer) {
    values.put(value.id(), buffer);
  }

  Buffer arena(dnnl_memory_desc layout) {
    return Buffer.inArena(Dnnl.bytes(layout));
  }

  Buffer valueOf(Value value) {
    return values.computeIfAbsent(value.id(), id -> arena(layouts.desc(value)));
  }

  void copy(
      Steps steps,
      String name,
      dnnl_memory_desc from,
      Buffer source,
      dnnl_memory_desc to,
      Buffer target,
      int time) {
    steps
        .add(name, Pointwise.reorder(scope, from, to), time)
        .with(DNNL_ARG_FROM, from, source)
        .with(DNNL_ARG_TO, to, target);
  }

  Entry parameter(ParameterSpec spec) {
    dnnl_memory_desc plain = layouts.plain(spec);
    return weights.add(spec, plain, plain);
  }

  /** Weights in another layout or type: the master itself if that is equal, else a copy. */
  Buffer packed(Entry entry, dnnl_memory_desc layout) {
    if (Dnnl.equal(entry.layout(), layout)) {
      return entry.master();
    }
    Buffer copy = weights.allocate(Dnnl.bytes(layout));
    copy(
        packing, "packing " + entry.spec().name(), entry.layout(), entry.master(), layout, copy, 0);
    return copy;
  }

  /** The weights of a subsampled identity in a layout, packed with the parameters. */
  Buffer selection(SubsampledIdentity identity, dnnl_memory_desc layout) {
    long[] dims = Descs.selectionDims(identity);
    dnnl_memory_desc plain = Dnnl.plainWeights(scope, 1, dims);
    Buffer ones =
        weights.constant(Dnnl.bytes(plain), target -> Descs.putSelection(identity, target));
    Buffer copy = weights.allocate(Dnnl.bytes(layout));
    copy(packing, "packing " + identity.name(), plain, ones, layout, copy, 0);
    return copy;
  }

  /** A vector of ones in a layout of any type. */
  Buffer ones(long length, dnnl_memory_desc layout) {
    Buffer ones =
        weights.constant(
            length * Float.BYTES,
            target -> {
              for (int i = 0; i < length; i++) {
                target.put(i, 1f);
              }
            });
    dnnl_memory_desc plain = Dnnl.matrix(scope, Dnnl.F32, 1, length);
    if (Dnnl.equal(plain, layout)) {
      return ones;
    }
    Buffer copy = weights.allocate(Dnnl.bytes(layout));
    copy(packing, "packing ones", plain, ones, layout, copy, 0);
    return copy;
  }
}
