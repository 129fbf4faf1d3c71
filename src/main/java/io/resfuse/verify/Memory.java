package io.resfuse.verify;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * What is expected of cases, kept for those who send the same cases up the ladder again and again:
 * it depends on the case, the precision and the seed only. Not thread-safe.
 */
final class Memory {
  private final boolean keeps;
  private final Map<String, Map<String, double[]>> known = new HashMap<>();

  private Memory(boolean keeps) {
    this.keeps = keeps;
  }

  /** One that keeps everything. */
  static Memory keeping() {
    return new Memory(true);
  }

  /** One that keeps nothing. */
  static Memory none() {
    return new Memory(false);
  }

  /**
   * Tensors that are expected.
   *
   * @param test of this case
   * @param side in whose precision
   * @param what is asked, in other words than anything else is
   * @param ask finds them
   * @return by name; not to be changed
   */
  Map<String, double[]> tensors(
      VerifyCase test, Subject side, String what, Supplier<Map<String, double[]>> ask) {
    if (!keeps) {
      return ask.get();
    }
    String key = test + "/" + side.precision() + "/" + what;
    Map<String, double[]> tensors = known.get(key);
    if (tensors == null) {
      tensors = ask.get();
      known.put(key, tensors);
    }
    return tensors;
  }

  /** The same of a single tensor. */
  double[] tensor(VerifyCase test, Subject side, String what, Supplier<double[]> ask) {
    return tensors(test, side, what, () -> Map.of("", ask.get())).get("");
  }
}
