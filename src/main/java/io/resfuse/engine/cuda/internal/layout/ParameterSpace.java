package io.resfuse.engine.cuda.internal.layout;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Optimizer;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Region;
import io.resfuse.engine.spi.GradientFlow;
import io.resfuse.engine.spi.OptimizerStates;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Where the parameters of a network in training lie: one array of float32 masters, those that are
 * trained first, then the frozen ones, then the running statistics. Gradients and the optimizer's
 * state are arrays of the trained part with the same indices, and so are the weights as tensors are
 * stored; the optimizer is then one launch over flat arrays. Padding is zero and stays so.
 */
public final class ParameterSpace {
  /** Parameters begin at multiples of it, in elements. */
  private static final int ALIGNMENT = 64;

  private final Map<String, Entry> entries = new LinkedHashMap<>();
  private final ElementType type;
  private final Buffer masters;
  private final Buffer gradients;
  private final List<Buffer> states = new ArrayList<>();
  private final Buffer stored;
  private long trainedElements;
  private long trainableElements;
  private long elements;

  /**
   * A parameter.
   *
   * @param spec name, shape, role
   * @param layout of weights; null for vectors, which are padded at their end
   * @param offset of its first element
   * @param elements with padding
   * @param trained whether it has a gradient
   */
  public record Entry(
      ParameterSpec spec,
      @Nullable WeightLayout layout,
      long offset,
      long elements,
      boolean trained) {}

  /** Places all parameters of a network, also of parts that are not run, in a region. */
  public ParameterSpace(
      NetworkSpec whole,
      GradientFlow flow,
      Layouts layouts,
      Optimizer optimizer,
      ElementType type,
      Region region) {
    this.type = type;
    Map<String, WeightLayout> weightLayouts = weightLayouts(whole, layouts);
    List<ParameterSpec> trained = new ArrayList<>();
    List<ParameterSpec> frozen = new ArrayList<>();
    List<ParameterSpec> statistics = new ArrayList<>();
    for (ParameterSpec spec : whole.parameters().values()) {
      (!spec.isTrainable() ? statistics : flow.trains(spec) ? trained : frozen).add(spec);
    }
    trained.forEach(spec -> add(spec, weightLayouts, true));
    trainedElements = elements;
    frozen.forEach(spec -> add(spec, weightLayouts, false));
    trainableElements = elements;
    statistics.forEach(spec -> add(spec, weightLayouts, false));
    masters = region.add(elements * Float.BYTES);
    gradients = region.add(trainedElements * Float.BYTES);
    for (int i = 0; i < OptimizerStates.names(optimizer).size(); i++) {
      states.add(region.add(trainedElements * Float.BYTES));
    }
    stored = hasStoredCopy() ? region.add(trainableElements * type.bytes()) : masters;
  }

  private static Map<String, WeightLayout> weightLayouts(NetworkSpec network, Layouts layouts) {
    Map<String, WeightLayout> found = new LinkedHashMap<>();
    for (Operation operation : network.operations()) {
      if (operation instanceof FusedConv conv) {
        found.put(conv.weight().name(), layouts.of(conv));
      } else if (operation instanceof Linear linear) {
        found.put(linear.weight().name(), layouts.of(linear));
      }
    }
    return found;
  }

  private void add(ParameterSpec spec, Map<String, WeightLayout> layouts, boolean trained) {
    WeightLayout layout = layouts.get(spec.name());
    long size = layout == null ? Activation.pad((int) spec.shape().elements()) : layout.elements();
    entries.put(spec.name(), new Entry(spec, layout, elements, size, trained));
    elements += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /** Whether products read rounded copies, rather than the masters themselves. */
  public boolean hasStoredCopy() {
    return type != ElementType.F32;
  }

  public Entry get(ParameterSpec spec) {
    return entries.get(spec.name());
  }

  public List<Entry> all() {
    return List.copyOf(entries.values());
  }

  /** Those with a gradient, in the network's order. */
  public List<Entry> trained() {
    return entries.values().stream().filter(Entry::trained).toList();
  }

  public long trainedElements() {
    return trainedElements;
  }

  public long trainableElements() {
    return trainableElements;
  }

  public Buffer masters() {
    return masters;
  }

  public Buffer gradients() {
    return gradients;
  }

  /** The optimizer's arrays, in the order of {@link OptimizerStates#names}. */
  public List<Buffer> states() {
    return states;
  }

  /** The weights as products read them; the masters themselves in fp32. */
  public Buffer stored() {
    return stored;
  }

  /** The part of an array of floats that belongs to a parameter. */
  public static Buffer part(Buffer array, Entry entry) {
    return part(array, entry, Float.BYTES);
  }

  private static Buffer part(Buffer array, Entry entry, int bytes) {
    return Buffer.at(
        array.kind(), array.offset() + entry.offset() * bytes, entry.elements() * bytes);
  }

  /** A parameter's master. */
  public Buffer master(ParameterSpec spec) {
    return part(masters, get(spec));
  }

  /** A parameter's weights as products read them. */
  public Buffer stored(ParameterSpec spec) {
    return part(stored, get(spec), type.bytes());
  }

  /** A parameter's gradient; null if it has none. */
  public @Nullable Buffer gradient(ParameterSpec spec) {
    Entry entry = get(spec);
    return entry.trained() ? part(gradients, entry) : null;
  }
}
