package io.resfuse.data.dataset;

import java.math.BigInteger;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/** The order of classes that nobody has put in one. */
public final class ClassNames {
  private ClassNames() {}

  /**
   * Different names in their order: that of numbers if all are whole numbers, else that of the
   * alphabet.
   *
   * @param names some may be there more than once
   * @return each once
   */
  public static List<String> sorted(Collection<String> names) {
    return names.stream().distinct().sorted(order(names)).toList();
  }

  static Comparator<String> order(Collection<String> names) {
    return names.stream().allMatch(name -> name.matches("-?[0-9]+"))
        ? Comparator.<String, BigInteger>comparing(BigInteger::new)
            .thenComparing(Comparator.naturalOrder())
        : Comparator.naturalOrder();
  }
}
