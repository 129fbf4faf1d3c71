package io.resfuse.weights.format;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An object of a class that is not known here, as a pickle describes it: training scripts keep
 * their arguments and settings beside the weights. Its class is a name that nobody looks up;
 * nothing is called to make it.
 */
final class OpaqueObject {
  private final String type;
  private final Map<String, @Nullable Object> items = new LinkedHashMap<>();
  private Map<?, ?> attributes = Map.of();

  OpaqueObject(String type) {
    this.type = type;
  }

  /** A class, or anything else that a pickle names and calls. */
  record Type(String name) {}

  /** The class's name with its module, or what made the object. */
  String type() {
    return type;
  }

  /** What it holds where its class is a kind of dict; may be filled by the unpickler. */
  Map<String, @Nullable Object> items() {
    return items;
  }

  /** What {@code __setstate__} would get: the attributes, alone or before those in slots. */
  void setState(@Nullable Object state) {
    Object first = state instanceof Object[] pair && pair.length > 0 ? pair[0] : state;
    if (first instanceof Map<?, ?> map) {
      attributes = map;
    }
  }

  /** Whether it is a whole {@code torch.nn.Module}. */
  boolean isModule() {
    return attributes.containsKey("_modules") && attributes.containsKey("_parameters");
  }
}
