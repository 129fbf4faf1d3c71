package io.resfuse.verify.mutation;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Why mutants cannot be told from the kernels that they were made of. Immutable. */
public final class Explanations {
  private static final int KEY_PARTS = 4;

  private final Map<String, String> reasons;

  private Explanations(Map<String, String> reasons) {
    this.reasons = reasons;
  }

  /**
   * Reads a list: a mutant in a line, {@code KERNEL | OPERATOR | BEFORE -> AFTER | ORDINAL |
   * REASON}; empty lines and those that begin with {@code #} say nothing.
   *
   * @param text of the list
   * @return by mutant
   * @throws IllegalArgumentException if a line is none of these
   */
  public static Explanations parse(String text) {
    Map<String, String> reasons = new LinkedHashMap<>();
    for (String line : text.lines().toList()) {
      if (line.isBlank() || line.startsWith("#")) {
        continue;
      }
      String[] parts = line.split(" \\| ", KEY_PARTS + 1);
      if (parts.length <= KEY_PARTS || parts[KEY_PARTS].isBlank()) {
        throw new IllegalArgumentException(
            "'" + line + "' is not KERNEL | OPERATOR | BEFORE -> AFTER | ORDINAL | REASON");
      }
      String key = line.substring(0, line.length() - parts[KEY_PARTS].length() - " | ".length());
      reasons.put(key, parts[KEY_PARTS]);
    }
    return new Explanations(reasons);
  }

  /** The mutants that are explained. */
  Set<String> keys() {
    return reasons.keySet();
  }

  /** Why a mutant survives; null if nothing is said about it. */
  @Nullable String of(Mutant mutant) {
    return reasons.get(mutant.key());
  }
}
