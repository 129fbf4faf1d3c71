package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_FROM;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_TO;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Quantization;
import io.resfuse.tensor.HostTensor;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.dnnl_stream;
import org.jspecify.annotations.Nullable;

/**
 * The weights of a network with their batch norms folded in, in the layouts that its plans want.
 * Every layout is made once. The parameters are let go of when everything has been read once; later
 * layouts are made from earlier ones. Not thread-safe.
 */
final class PackedWeights implements AutoCloseable {
  private final Scope scope = new Scope();
  private final dnnl_stream stream;
  private final Map<String, List<Packed>> weights = new HashMap<>();
  private final Map<String, Packed> biases = new HashMap<>();
  private final Map<String, Packed> gates = new HashMap<>();
  private final Map<String, Packed> constants = new HashMap<>();
  private @Nullable Parameters parameters;
  private int unread;

  /** Plain weights on their way into a layout, one array at a time: fresh memory is dear. */
  private @Nullable NativeMemory staging;

  private @Nullable NativeMemory scratch;

  /**
   * Of a network.
   *
   * @param integers of convolutions that multiply integers; null if none does
   */
  PackedWeights(NetworkSpec network, Parameters parameters, @Nullable Quantization integers) {
    this.parameters = parameters;
    this.unread =
        (int)
            network.operations().stream()
                .filter(
                    o ->
                        o instanceof FusedConv || o instanceof Linear || o instanceof SqueezeExcite)
                .filter(o -> integers == null || !integers.weights().containsKey(o.name()))
                .count();
    this.stream = Dnnl.stream(scope);
  }

  /** One array in one layout; its memory is allocated and filled when it is first asked for. */
  final class Packed {
    private final String owner;
    private final dnnl_memory_desc desc;
    private final BiConsumer<Packed, NativeMemory> filler;

    /** Others ask for it, when the descriptor may be gone. */
    private final long bytes;

    private @Nullable NativeMemory memory;

    private Packed(String owner, dnnl_memory_desc desc, BiConsumer<Packed, NativeMemory> filler) {
      this.owner = owner;
      this.filler = filler;
      this.desc = Dnnl.copy(scope, desc);
      this.bytes = Dnnl.bytes(desc);
    }

    long bytes() {
      return bytes;
    }

    long address() {
      NativeMemory present = memory;
      if (present == null) {
        present = new NativeMemory(bytes(), "the weights of " + owner);
        memory = present;
        filler.accept(this, present);
      }
      return present.address();
    }
  }

  /** What is allocated by now, of weights, biases and gates. */
  long bytes() {
    return Stream.of(
            weights.values().stream().flatMap(List::stream),
            biases.values().stream(),
            gates.values().stream(),
            constants.values().stream())
        .flatMap(all -> all)
        .filter(packed -> packed.memory != null)
        .mapToLong(Packed::bytes)
        .sum();
  }

  /** The weights of a convolution or linear layer in a layout. */
  Packed weights(Operation operation, dnnl_memory_desc layout) {
    return weights(operation, layout, (packed, memory) -> fill(operation, packed, memory));
  }

  /** The integer weights of a convolution in a layout. */
  Packed integers(FusedConv conv, byte[] integers, dnnl_memory_desc layout) {
    return weights(conv, layout, (packed, memory) -> fillIntegers(conv, integers, packed, memory));
  }

  private Packed weights(
      Operation operation, dnnl_memory_desc layout, BiConsumer<Packed, NativeMemory> filler) {
    List<Packed> layouts = weights.computeIfAbsent(operation.name(), n -> new ArrayList<>());
    for (Packed packed : layouts) {
      if (Dnnl.equal(packed.desc, layout)) {
        return packed;
      }
    }
    Packed packed = new Packed(operation.name(), layout, filler);
    layouts.add(packed);
    return packed;
  }

  /** Numbers of 32 bits that are known by a name, and the same whenever they are asked for. */
  Packed constants(String name, dnnl_memory_desc desc, float... values) {
    return constants.computeIfAbsent(
        name,
        n ->
            new Packed(
                n, desc, (packed, memory) -> memory.floats(0, values.length).put(0, values)));
  }

  /** The bias of a convolution or linear layer, batch norm folded in, float32. */
  Packed bias(Operation operation) {
    return biases.computeIfAbsent(
        operation.name(),
        n ->
            new Packed(
                n,
                Dnnl.vector(scope, operation.output().channels()),
                (packed, memory) -> fill(operation, packed, memory)));
  }

  /** The parameters of squeeze and excitation, float32, one after the other in their order. */
  Packed ofGate(SqueezeExcite operation) {
    long elements = operation.parameters().stream().mapToLong(p -> p.shape().elements()).sum();
    return gates.computeIfAbsent(
        operation.name(),
        n ->
            new Packed(
                n,
                Dnnl.vector(scope, elements),
                (packed, memory) -> fill(operation, packed, memory)));
  }

  /** Integers are written as floats, from which oneDNN makes what its kernels want. */
  private void fillIntegers(FusedConv conv, byte[] integers, Packed packed, NativeMemory memory) {
    try (Scope temporary = new Scope();
        NativeMemory plain =
            new NativeMemory((long) integers.length * Float.BYTES, "weights being packed")) {
      FloatBuffer floats = plain.floats(0, integers.length);
      for (int i = 0; i < integers.length; i++) {
        floats.put(i, integers[i]);
      }
      long[] shape = Descs.dims(conv.weight().shape());
      dnnl_memory_desc from = Dnnl.plainWeights(temporary, conv.groups(), shape);
      reorder(from, plain.address(), packed.desc, memory.address());
    }
  }

  private void fill(Operation operation, Packed packed, NativeMemory memory) {
    for (Packed other : weights.getOrDefault(operation.name(), List.of())) {
      NativeMemory filled = other.memory;
      if (other != packed && filled != null && packed != biases.get(operation.name())) {
        reorder(other.desc, filled.address(), packed.desc, memory.address());
        return;
      }
    }
    if (operation instanceof SubsampledIdentity identity) {
      fillSelection(packed, memory, identity);
      return;
    }
    Parameters source = parameters;
    if (source == null) {
      throw new IllegalStateException("the parameters were let go of too early");
    }
    if (operation instanceof SqueezeExcite gating) {
      fillGate(gating, source, memory.floats(0, packed.bytes() / Float.BYTES));
      read();
      return;
    }
    if (packed == biases.get(operation.name())) {
      affine(operation, source).putShift(memory.floats(0, packed.bytes() / Float.BYTES));
      return;
    }
    NativeMemory plain = staging(source);
    try (Scope temporary = new Scope()) {
      dnnl_memory_desc from =
          fold(temporary, operation, source, plain.floats(0, elements(operation)));
      reorder(from, plain.address(), packed.desc, memory.address());
    }
    bias(operation).address();
    read();
  }

  /** The parameters of one operation more have been read. */
  private void read() {
    unread--;
    if (unread == 0) {
      parameters = null;
      free(staging);
      staging = null;
    }
  }

  private static void fillGate(SqueezeExcite gating, Parameters source, FloatBuffer target) {
    for (ParameterSpec spec : gating.parameters()) {
      float[] values = source.get(spec).toArray();
      checkFinite(spec, values, 0);
      target.put(values);
    }
  }

  /** Room that reorders may want; some want none. */
  private NativeMemory scratch(long bytes) {
    NativeMemory present = scratch;
    if (present == null || present.bytes() < bytes) {
      free(present);
      present = new NativeMemory(bytes, "scratch memory for packing weights");
      scratch = present;
    }
    return present;
  }

  /** Room for the largest of the weights. */
  private NativeMemory staging(Parameters source) {
    NativeMemory present = staging;
    if (present == null) {
      long largest =
          source.asMap().values().stream().mapToLong(t -> t.shape().elements()).max().orElse(0);
      present = new NativeMemory(largest * Float.BYTES, "weights being packed");
      staging = present;
    }
    return present;
  }

  private void fillSelection(Packed packed, NativeMemory memory, SubsampledIdentity identity) {
    long[] shape = Descs.selectionDims(identity);
    try (Scope temporary = new Scope();
        NativeMemory plain =
            new NativeMemory(shape[0] * shape[1] * Float.BYTES, "weights being packed")) {
      Descs.putSelection(identity, plain.floats(0, shape[0] * shape[1]));
      dnnl_memory_desc from = Dnnl.plainWeights(temporary, 1, shape);
      reorder(from, plain.address(), packed.desc, memory.address());
    }
  }

  private void reorder(dnnl_memory_desc from, long source, dnnl_memory_desc to, long target) {
    try (Scope temporary = new Scope()) {
      dnnl_primitive_desc desc = Pointwise.reorder(temporary, from, to);
      new Command.Builder(temporary, "packing of weights")
          .bind(DNNL_ARG_FROM, from, source)
          .bind(DNNL_ARG_TO, to, target)
          .scratch(desc, scratch(Dnnl.bytes(PrimitiveDescs.scratchOf(desc))).address())
          .build(Dnnl.primitive(temporary, desc))
          .run(stream);
    }
  }

  private static long elements(Operation operation) {
    return operation.parameters().get(0).shape().elements();
  }

  /** Scale and shift per output channel, in float64. */
  private static final class Affine {
    private final double[] scale;
    private final double[] shift;

    Affine(int channels) {
      scale = new double[channels];
      shift = new double[channels];
    }

    void putShift(FloatBuffer target) {
      for (int i = 0; i < shift.length; i++) {
        target.put(i, (float) shift[i]);
      }
    }
  }

  /** What a convolution's weights are multiplied by, and the bias that results. */
  private static Affine affine(Operation operation, Parameters parameters) {
    int channels = operation.output().channels();
    Affine affine = new Affine(channels);
    HostTensor bias = null;
    BatchNorm norm = null;
    if (operation instanceof FusedConv conv) {
      bias = conv.bias() == null ? null : parameters.get(conv.bias());
      norm = conv.batchNorm();
    } else if (operation instanceof Linear linear) {
      bias = parameters.get(linear.bias());
    }
    for (int c = 0; c < channels; c++) {
      double b = bias == null ? 0 : bias.get(c);
      if (norm == null) {
        affine.scale[c] = 1;
        affine.shift[c] = b;
      } else {
        double deviation = Math.sqrt(parameters.get(norm.variance()).get(c) + norm.epsilon());
        affine.scale[c] = parameters.get(norm.gamma()).get(c) / deviation;
        affine.shift[c] =
            parameters.get(norm.beta()).get(c)
                + (b - parameters.get(norm.mean()).get(c)) * affine.scale[c];
      }
    }
    return affine;
  }

  /** Writes the folded weights in their plain order and describes them. */
  private static dnnl_memory_desc fold(
      Scope scope, Operation operation, Parameters parameters, FloatBuffer target) {
    List<ParameterSpec> specs = operation.parameters();
    for (ParameterSpec spec : specs.subList(1, specs.size())) {
      checkFinite(spec, parameters.get(spec).toArray(), 0);
    }
    ParameterSpec weight = specs.get(0);
    FloatBuffer source = parameters.get(weight).buffer();
    double[] scale = affine(operation, parameters).scale;
    int perChannel = source.capacity() / scale.length;
    float[] channel = new float[perChannel];
    for (int c = 0; c < scale.length; c++) {
      source.get(c * perChannel, channel);
      checkFinite(weight, channel, c * perChannel);
      multiply(channel, scale[c]);
      target.put(c * perChannel, channel);
    }
    if (operation instanceof FusedConv conv) {
      return Dnnl.plainWeights(scope, conv.groups(), Descs.dims(conv.weight().shape()));
    }
    return Descs.transposed(scope, scale.length, perChannel);
  }

  private static void checkFinite(ParameterSpec spec, float[] values, int offset) {
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new EngineException(
            "onednn: parameter "
                + spec.name()
                + " has "
                + values[i]
                + " as element "
                + (offset + i)
                + "; all weights must be finite, load them again or from another file");
      }
    }
  }

  private static void multiply(float[] values, double factor) {
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (values[i] * factor);
    }
  }

  @Override
  public void close() {
    weights.values().forEach(layouts -> layouts.forEach(PackedWeights::free));
    biases.values().forEach(PackedWeights::free);
    gates.values().forEach(PackedWeights::free);
    constants.values().forEach(PackedWeights::free);
    free(staging);
    free(scratch);
    scope.close();
  }

  private static void free(Packed packed) {
    free(packed.memory);
  }

  private static void free(@Nullable NativeMemory memory) {
    if (memory != null) {
      memory.close();
    }
  }
}
