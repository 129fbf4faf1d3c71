package io.resfuse.train.recipe;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Collects what is wrong with a recipe, a line each. */
final class Problems {
  private final List<String> lines = new ArrayList<>();

  void add(String format, Object... arguments) {
    lines.add(String.format(Locale.ROOT, format, arguments));
  }

  void positive(String name, double value) {
    if (!(value > 0) || Double.isInfinite(value)) {
      add("%s must be above 0, got %s", name, value);
    }
  }

  void range(String name, double value, double least, double most) {
    if (!(value >= least && value <= most)) {
      if (most == Double.MAX_VALUE) {
        add("%s must be at least %s, got %s", name, least, value);
      } else {
        add("%s must be between %s and %s, got %s", name, least, most, value);
      }
    }
  }

  /**
   * Ends the collection.
   *
   * @throws IllegalArgumentException with a line per problem, if there is any
   */
  void throwIfAny(String what) {
    if (!lines.isEmpty()) {
      throw new IllegalArgumentException(
          lines.size() == 1
              ? what + ": " + lines.get(0)
              : what + ":\n  " + String.join("\n  ", lines));
    }
  }
}
