package io.resfuse.train.recipe;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How a training begins from a network that is trained already, as a recipe states it.
 *
 * @param weights a file or the name of a known model, empty to begin with fresh weights. The head
 *     is always new
 * @param freeze stages ({@link Stages}) that stay as they are; their batch norms use running
 *     statistics. {@code backbone} stands for all but the head
 * @param rates by stage what multiplies the learning rate
 * @param cache whether the features of a frozen backbone are computed once and kept; possible
 *     without augmentation only
 */
public record TransferRecipe(
    String weights, List<String> freeze, Map<String, Double> rates, boolean cache) {
  /** Stands for all stages but the head. */
  public static final String BACKBONE = "backbone";

  /**
   * Copies the collections.
   *
   * @param weights as in the record
   * @param freeze as in the record
   * @param rates as in the record
   * @param cache as in the record
   */
  public TransferRecipe {
    freeze = List.copyOf(freeze);
    rates = Collections.unmodifiableMap(new LinkedHashMap<>(rates));
  }

  static TransferRecipe none() {
    return new TransferRecipe("", List.of(), Map.of(), true);
  }

  void check(Problems problems) {
    rates.forEach((stage, rate) -> problems.positive("transfer.rates." + stage, rate));
    if (freeze.contains(Stages.HEAD)) {
      problems.add("transfer.freeze has the head, which is new and must be trained");
    }
    if (weights.isEmpty() && !freeze.isEmpty()) {
      problems.add("transfer.freeze needs transfer.weights: fresh weights must be trained");
    }
  }

  /**
   * The frozen stages, with {@link #BACKBONE} spelled out.
   *
   * @param all stages of the network
   * @return names of stages
   */
  public List<String> frozenStages(List<String> all) {
    return freeze.contains(BACKBONE)
        ? all.stream().filter(stage -> !stage.equals(Stages.HEAD)).toList()
        : freeze;
  }
}
