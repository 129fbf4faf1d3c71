package io.resfuse.engine.onednn;

import io.resfuse.engine.Value;
import io.resfuse.engine.onednn.ValuePlaces.Place;
import io.resfuse.tensor.Shape;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.ToIntFunction;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.jspecify.annotations.Nullable;

/**
 * Makes the arguments of an inference plan's primitives, which have no addresses yet, and notes
 * which weights they take. Not thread-safe; descriptors live in the scope it was given.
 */
final class Arguments {
  private final Scope scope;
  private final List<Shape> shapes;
  private final ToIntFunction<Value> typeOf;
  private final Set<PackedWeights.Packed> used = new LinkedHashSet<>();

  /** An argument of a primitive: a value, weights, or a buffer of the caller. */
  record Argument(
      int index,
      dnnl_memory_desc desc,
      @Nullable Value value,
      PackedWeights.@Nullable Packed weights,
      @Nullable Place host)
      implements Implementation.Operand {}

  /**
   * For one plan.
   *
   * @param shapes of its values, by their ids
   * @param typeOf the element type of a value
   */
  Arguments(Scope scope, List<Shape> shapes, ToIntFunction<Value> typeOf) {
    this.scope = scope;
    this.shapes = shapes;
    this.typeOf = typeOf;
  }

  /** The layout of some images of a value. */
  dnnl_memory_desc desc(Value value, int images) {
    return Descs.of(scope, typeOf.applyAsInt(value), value, shapes.get(value.id()), images);
  }

  /** Some images of a value. */
  Argument of(int index, Value value, int images) {
    return new Argument(index, desc(value, images), value, null, null);
  }

  /** Weights, which are noted. */
  Argument weights(int index, dnnl_memory_desc desc, PackedWeights.Packed packed) {
    use(packed);
    return new Argument(index, desc, null, packed, null);
  }

  /** Notes weights that kernels of our own take. */
  void use(PackedWeights.Packed packed) {
    used.add(packed);
  }

  /** The bytes of all weights that were noted. */
  long weightBytes() {
    return used.stream().mapToLong(PackedWeights.Packed::bytes).sum();
  }
}
