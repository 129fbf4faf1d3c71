package io.resfuse.verify.mutation;

import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Which mutants to try of all that there are: as many of each kernel, and of each operator as
 * nearly as the kernels have them. The same seed gives the same choice.
 */
final class MutantChoice {
  /** How many more there are of a kernel, for mutants that are no PTX. */
  private static final int SPARE = 12;

  /**
   * Of one kernel.
   *
   * @param kernel which
   * @param wanted how many to try
   * @param mutants these, and behind them those that take the place of any that cannot be loaded
   */
  record Share(PtxKernel kernel, int wanted, List<Mutant> mutants) {}

  private MutantChoice() {}

  static List<Share> of(List<PtxKernel> kernels, int count, long seed) {
    List<PtxKernel> shuffled = new ArrayList<>(kernels);
    Collections.shuffle(shuffled, new Random(seed));
    Map<Operator, Integer> taken = new EnumMap<>(Operator.class);
    List<Share> shares = new ArrayList<>();
    for (int i = 0; i < shuffled.size(); i++) {
      PtxKernel kernel = shuffled.get(i);
      int wanted = count / shuffled.size() + (i < count % shuffled.size() ? 1 : 0);
      if (wanted > 0) {
        Random random = new Random(seed * 31 + kernel.name().hashCode());
        shares.add(new Share(kernel, wanted, choose(kernel, wanted, random, taken)));
      }
    }
    return shares;
  }

  private static List<Mutant> choose(
      PtxKernel kernel, int wanted, Random random, Map<Operator, Integer> taken) {
    Map<Operator, List<Mutant>> left = new EnumMap<>(Operator.class);
    for (Mutant mutant : kernel.mutants()) {
      left.computeIfAbsent(mutant.operator(), any -> new ArrayList<>()).add(mutant);
    }
    Map<Operator, Integer> counts = taken;
    List<Mutant> chosen = new ArrayList<>();
    while (chosen.size() < wanted + SPARE && !left.isEmpty()) {
      if (chosen.size() == wanted) {
        counts = new EnumMap<>(taken);
      }
      List<Operator> least = least(left, counts);
      Operator operator = least.get(random.nextInt(least.size()));
      List<Mutant> mutants = left.get(operator);
      chosen.add(mutants.remove(random.nextInt(mutants.size())));
      counts.merge(operator, 1, Integer::sum);
      if (mutants.isEmpty()) {
        left.remove(operator);
      }
    }
    return chosen;
  }

  private static List<Operator> least(
      Map<Operator, List<Mutant>> left, Map<Operator, Integer> counts) {
    int least =
        left.keySet().stream()
            .mapToInt(operator -> counts.getOrDefault(operator, 0))
            .min()
            .orElse(0);
    return left.keySet().stream()
        .filter(operator -> counts.getOrDefault(operator, 0) == least)
        .toList();
  }
}
