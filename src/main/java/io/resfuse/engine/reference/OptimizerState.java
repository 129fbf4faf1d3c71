package io.resfuse.engine.reference;

import io.resfuse.engine.Optimizer;
import io.resfuse.engine.Optimizer.Adam;
import io.resfuse.engine.Optimizer.Group;
import io.resfuse.engine.Optimizer.Sgd;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.spi.OptimizerStates;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The arrays and the formulas of {@link Sgd} and {@link Adam}. */
final class OptimizerState {
  private final Optimizer optimizer;
  private final Map<ParameterSpec, List<double[]>> arrays = new LinkedHashMap<>();

  /** Zeros for the parameters that have gradients. */
  OptimizerState(Optimizer optimizer, List<ParameterSpec> parameters) {
    this.optimizer = optimizer;
    for (ParameterSpec parameter : parameters) {
      int length = Math.toIntExact(parameter.shape().elements());
      arrays.put(
          parameter,
          OptimizerStates.names(optimizer).stream().map(name -> new double[length]).toList());
    }
  }

  /** A parameter's arrays, in the order of {@link OptimizerStates#names}. */
  List<double[]> states(ParameterSpec parameter) {
    return arrays.get(parameter);
  }

  /** One step over all parameters; the first is step 1. */
  void update(ParameterStore store, int step, double learningRate, double gradientScale) {
    for (ParameterSpec parameter : arrays.keySet()) {
      List<double[]> states = arrays.get(parameter);
      Group group = optimizer.group(parameter.name());
      double rate = learningRate * group.learningRateScale();
      double[] weight = store.get(parameter);
      double[] gradient = store.gradient(parameter);
      if (optimizer instanceof Sgd sgd) {
        sgd(sgd, states, weight, gradient, gradientScale, rate, group.weightDecay());
      } else if (optimizer instanceof Adam adam) {
        adam(adam, states, step, weight, gradient, gradientScale, rate, group.weightDecay());
      }
    }
    store.refreshRounded();
  }

  private void sgd(
      Sgd sgd,
      List<double[]> states,
      double[] weight,
      double[] gradient,
      double gradientScale,
      double rate,
      double decay) {
    double[] velocity = states.isEmpty() ? null : states.get(0);
    for (int i = 0; i < weight.length; i++) {
      double g = gradientScale * gradient[i] + decay * weight[i];
      if (velocity != null) {
        velocity[i] = sgd.momentum() * velocity[i] + g;
        g = sgd.nesterov() ? g + sgd.momentum() * velocity[i] : velocity[i];
      }
      weight[i] -= rate * g;
    }
  }

  private void adam(
      Adam adam,
      List<double[]> states,
      int step,
      double[] weight,
      double[] gradient,
      double gradientScale,
      double rate,
      double decay) {
    double[] mean = states.get(0);
    double[] square = states.get(1);
    double meanCorrection = 1 - Math.pow(adam.beta1(), step);
    double squareCorrection = 1 - Math.pow(adam.beta2(), step);
    for (int i = 0; i < weight.length; i++) {
      double g = gradientScale * gradient[i];
      if (adam.decoupled()) {
        weight[i] -= rate * decay * weight[i];
      } else {
        g += decay * weight[i];
      }
      mean[i] = adam.beta1() * mean[i] + (1 - adam.beta1()) * g;
      square[i] = adam.beta2() * square[i] + (1 - adam.beta2()) * g * g;
      double direction = mean[i] / meanCorrection;
      weight[i] -= rate * direction / (Math.sqrt(square[i] / squareCorrection) + adam.epsilon());
    }
  }

  /** The bytes of all arrays. */
  long bytes() {
    return arrays.values().stream().mapToLong(MemoryEstimate::bytes).sum();
  }
}
