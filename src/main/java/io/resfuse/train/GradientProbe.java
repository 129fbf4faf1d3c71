package io.resfuse.train;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.ParameterSpec.Role;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.tensor.HostTensor;
import io.resfuse.train.recipe.Stages;
import java.nio.FloatBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** Norms of a plan's gradients by stage and by layer. Not thread-safe. */
final class GradientProbe {
  private final Stages stages;
  private final Map<ParameterSpec, HostTensor> targets = new LinkedHashMap<>();

  GradientProbe(NetworkSpec network, Set<String> frozen) {
    this.stages = Stages.of(network);
    for (ParameterSpec parameter : network.parameters().values()) {
      if (parameter.isTrainable() && !frozen.contains(parameter.name())) {
        targets.put(parameter, HostTensor.zeros(parameter.shape()));
      }
    }
  }

  /** By stage, the norm of all its gradients together times a factor. */
  Map<String, Double> byStage(TrainingPlan plan, double factor) {
    Map<String, Double> norms = new LinkedHashMap<>();
    targets.forEach(
        (parameter, target) ->
            norms.merge(
                stages.of(parameter.name()), squares(plan, parameter, target), Double::sum));
    norms.replaceAll((stage, sum) -> factor * Math.sqrt(sum));
    return norms;
  }

  /**
   * By convolution, linear layer and product of a gate, the norm of its weights' gradient times a
   * factor.
   */
  Map<String, Double> byLayer(TrainingPlan plan, double factor) {
    Map<String, Double> norms = new LinkedHashMap<>();
    targets.forEach(
        (parameter, target) -> {
          if (parameter.role() == Role.CONV_WEIGHT
              || parameter.role() == Role.LINEAR_WEIGHT
              || parameter.role() == Role.GATE_WEIGHT) {
            String layer = parameter.name().replace(".weight", "");
            norms.put(layer, factor * Math.sqrt(squares(plan, parameter, target)));
          }
        });
    return norms;
  }

  private static double squares(TrainingPlan plan, ParameterSpec parameter, HostTensor target) {
    plan.readGradient(parameter.name(), target);
    FloatBuffer values = target.buffer();
    double sum = 0;
    for (int i = 0; i < values.capacity(); i++) {
      double value = values.get(i);
      sum += value * value;
    }
    return sum;
  }
}
