package io.resfuse.train.recipe;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Optimizer;
import io.resfuse.engine.Optimizer.Group;
import io.resfuse.engine.ParameterSpec;
import java.util.HashMap;
import java.util.Map;

/**
 * An optimizer as a recipe states it.
 *
 * @param kind which formulas; see {@link Optimizer}
 * @param momentum of {@code sgd}
 * @param nesterov whether {@code sgd} looks ahead
 * @param beta1 of {@code adam} and {@code adamw}
 * @param beta2 of {@code adam} and {@code adamw}
 * @param epsilon of {@code adam} and {@code adamw}
 * @param weightDecay of convolutions, linear layers and squeeze and excitation
 * @param decayNormsAndBiases whether batch norms and biases decay too (the paper's networks do so;
 *     He, T. et al. 2019, "Bag of tricks", section 3.1, leave them out)
 */
public record OptimizerRecipe(
    Kind kind,
    double momentum,
    boolean nesterov,
    double beta1,
    double beta2,
    double epsilon,
    double weightDecay,
    boolean decayNormsAndBiases) {
  /** The formulas. */
  public enum Kind {
    /** Stochastic gradient descent with momentum. */
    SGD,
    /** Adam, weight decay in the gradient. */
    ADAM,
    /** Adam with decoupled weight decay. */
    ADAMW;

    @Override
    public String toString() {
      return ConstantNames.lower(this);
    }
  }

  static OptimizerRecipe defaults() {
    return new OptimizerRecipe(Kind.SGD, 0.9, false, 0.9, 0.999, 1e-8, 1e-4, true);
  }

  void check(Problems problems) {
    problems.range("optimizer.momentum", momentum, 0, 1);
    problems.range("optimizer.beta1", beta1, 0, 1);
    problems.range("optimizer.beta2", beta2, 0, 1);
    problems.positive("optimizer.epsilon", epsilon);
    problems.range("optimizer.weight_decay", weightDecay, 0, Double.MAX_VALUE);
    if (nesterov && momentum == 0) {
      problems.add("optimizer.nesterov needs optimizer.momentum above 0");
    }
  }

  /**
   * The optimizer of a network.
   *
   * @param network whose parameters it changes
   * @param rates by stage ({@link Stages}) what multiplies the learning rate; 1 where there is none
   * @return the optimizer with a group for every parameter that differs from the rest
   */
  public Optimizer of(NetworkSpec network, Map<String, Double> rates) {
    Map<String, Group> groups = new HashMap<>();
    Stages stages = Stages.of(network);
    for (ParameterSpec parameter : network.parameters().values()) {
      if (parameter.isTrainable()) {
        double scale = rates.getOrDefault(stages.of(parameter.name()), 1.0);
        double decay = decays(parameter) ? weightDecay : 0;
        if (scale != 1 || decay != weightDecay) {
          groups.put(parameter.name(), new Group(scale, decay));
        }
      }
    }
    return kind == Kind.SGD
        ? new Optimizer.Sgd(momentum, nesterov, weightDecay, groups)
        : new Optimizer.Adam(beta1, beta2, epsilon, kind == Kind.ADAMW, weightDecay, groups);
  }

  private boolean decays(ParameterSpec parameter) {
    return decayNormsAndBiases
        || parameter.role() == ParameterSpec.Role.CONV_WEIGHT
        || parameter.role() == ParameterSpec.Role.LINEAR_WEIGHT
        || parameter.role() == ParameterSpec.Role.GATE_WEIGHT;
  }
}
