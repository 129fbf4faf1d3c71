package io.resfuse.engine.onednn;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Optimizer;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.onednn.Buffer.Region;
import io.resfuse.engine.spi.GradientFlow;
import io.resfuse.engine.spi.OptimizerStates;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.jspecify.annotations.Nullable;

/**
 * Where a training plan keeps its parameters. For a trained parameter: a float32 master, its
 * gradient and the optimizer's arrays, all in one layout (for convolutions the one that the
 * primitive of the weights' gradient writes), so that the optimizer need not know it. For the rest:
 * the values. Besides: copies of weights in the layouts and types of other primitives, and the
 * statistics of batches. Not thread-safe.
 */
final class TrainingWeights {
  private static final long ALIGNMENT = 64;

  private final NetworkSpec network;
  private final GradientFlow flow;
  private final Optimizer optimizer;
  private final Map<String, Entry> entries = new LinkedHashMap<>();
  private final Map<Buffer, Consumer<FloatBuffer>> constants = new LinkedHashMap<>();
  private long bytes;

  TrainingWeights(NetworkSpec network, GradientFlow flow, Optimizer optimizer) {
    this.network = network;
    this.flow = flow;
    this.optimizer = optimizer;
  }

  /** One parameter. */
  static final class Entry {
    private final ParameterSpec spec;
    private final dnnl_memory_desc plain;
    private final dnnl_memory_desc layout;
    private final Buffer master;
    private final @Nullable Buffer gradient;
    private final List<Buffer> states;

    private Entry(
        ParameterSpec spec,
        dnnl_memory_desc plain,
        dnnl_memory_desc layout,
        Buffer master,
        @Nullable Buffer gradient,
        List<Buffer> states) {
      this.spec = spec;
      this.plain = plain;
      this.layout = layout;
      this.master = master;
      this.gradient = gradient;
      this.states = states;
    }

    ParameterSpec spec() {
      return spec;
    }

    /** How it lies in a file. */
    dnnl_memory_desc plain() {
      return plain;
    }

    /** How master, gradient and states lie. */
    dnnl_memory_desc layout() {
      return layout;
    }

    Buffer master() {
      return master;
    }

    boolean isTrained() {
      return gradient != null;
    }

    /** Null if it is not trained. */
    @Nullable Buffer gradient() {
      return gradient;
    }

    List<Buffer> states() {
      return states;
    }
  }

  /**
   * Adds a parameter.
   *
   * @param spec the parameter
   * @param plain how it lies in a file
   * @param layout how it shall lie in the plan
   */
  Entry add(ParameterSpec spec, dnnl_memory_desc plain, dnnl_memory_desc layout) {
    long size = Dnnl.bytes(layout);
    Buffer master = allocate(size);
    boolean trained = flow.trains(spec);
    Buffer gradient = trained ? allocate(size) : null;
    List<Buffer> states = new ArrayList<>();
    if (trained) {
      OptimizerStates.names(optimizer).forEach(name -> states.add(allocate(size)));
    }
    Entry entry = new Entry(spec, plain, layout, master, gradient, states);
    entries.put(spec.name(), entry);
    return entry;
  }

  /** Room for something else. */
  Buffer allocate(long size) {
    Buffer buffer = Buffer.at(Region.WEIGHTS, bytes, size);
    bytes += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return buffer;
  }

  /** Room for float32 values that never change. */
  Buffer constant(long size, Consumer<FloatBuffer> fill) {
    Buffer buffer = allocate(size);
    constants.put(buffer, fill);
    return buffer;
  }

  /** Writes the constants. */
  void fillConstants(NativeMemory memory) {
    constants.forEach(
        (buffer, fill) ->
            fill.accept(memory.floats(buffer.offset(), buffer.bytes() / Float.BYTES)));
  }

  /** All parameters of the network. */
  Collection<Entry> all() {
    return entries.values();
  }

  /** A parameter. */
  Entry get(ParameterSpec spec) {
    return get(spec.name());
  }

  /**
   * A parameter.
   *
   * @throws IllegalArgumentException if the network has none of that name
   */
  Entry get(String name) {
    Entry entry = entries.get(name);
    if (entry == null) {
      throw new IllegalArgumentException(network.name() + " has no parameter '" + name + "'");
    }
    return entry;
  }

  boolean contains(ParameterSpec spec) {
    return entries.containsKey(spec.name());
  }

  /** Those with a gradient, in the network's order. */
  List<Entry> trained() {
    List<Entry> trained = new ArrayList<>();
    for (ParameterSpec spec : network.parameters().values()) {
      Entry entry = entries.get(spec.name());
      if (entry != null && entry.isTrained()) {
        trained.add(entry);
      }
    }
    return trained;
  }

  long bytes() {
    return bytes;
  }
}
