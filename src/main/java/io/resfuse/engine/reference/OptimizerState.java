package io.resfuse.engine.reference;

import io.resfuse.engine.Optimizer;
import io.resfuse.engine.Optimizer.Adam;
import io.resfuse.engine.Optimizer.Group;
import io.resfuse.engine.Optimizer.Sgd;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The arrays and the formulas of {@link Sgd} and {@link Adam}. */
final class OptimizerState {
  private static final String STEPS = "steps";

  private final Optimizer optimizer;
  private final List<ParameterSpec> parameters;
  private final Map<String, double[]> arrays = new LinkedHashMap<>();
  private int steps;

  /** Zeros for the parameters that have gradients. */
  OptimizerState(Optimizer optimizer, List<ParameterSpec> parameters) {
    this.optimizer = optimizer;
    this.parameters = parameters;
    for (ParameterSpec parameter : parameters) {
      for (String name : names(optimizer)) {
        arrays.put(
            parameter.name() + "/" + name,
            new double[Math.toIntExact(parameter.shape().elements())]);
      }
    }
  }

  /** The state arrays of every parameter. */
  static List<String> names(Optimizer optimizer) {
    if (optimizer instanceof Sgd sgd) {
      return sgd.momentum() == 0 ? List.of() : List.of("momentum");
    }
    return List.of("exp_avg", "exp_avg_sq");
  }

  /** One step over all parameters. */
  void update(ParameterStore store, double learningRate, double gradientScale) {
    steps++;
    for (ParameterSpec parameter : parameters) {
      Group group = optimizer.group(parameter.name());
      double rate = learningRate * group.learningRateScale();
      double[] weight = store.get(parameter);
      double[] gradient = store.gradient(parameter);
      if (optimizer instanceof Sgd sgd) {
        sgd(sgd, parameter.name(), weight, gradient, gradientScale, rate, group.weightDecay());
      } else if (optimizer instanceof Adam adam) {
        adam(adam, parameter.name(), weight, gradient, gradientScale, rate, group.weightDecay());
      }
    }
    store.refreshRounded();
  }

  private void sgd(
      Sgd sgd,
      String name,
      double[] weight,
      double[] gradient,
      double gradientScale,
      double rate,
      double decay) {
    double[] velocity = arrays.get(name + "/momentum");
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
      String name,
      double[] weight,
      double[] gradient,
      double gradientScale,
      double rate,
      double decay) {
    double[] mean = arrays.get(name + "/exp_avg");
    double[] square = arrays.get(name + "/exp_avg_sq");
    double meanCorrection = 1 - Math.pow(adam.beta1(), steps);
    double squareCorrection = 1 - Math.pow(adam.beta2(), steps);
    for (int i = 0; i < weight.length; i++) {
      double g = gradientScale * gradient[i];
      if (adam.decoupled()) {
        weight[i] -= rate * decay * weight[i];
      } else {
        g += decay * weight[i];
      }
      mean[i] = adam.beta1() * mean[i] + (1 - adam.beta1()) * g;
      square[i] = adam.beta2() * square[i] + (1 - adam.beta2()) * g * g;
      double step = mean[i] / meanCorrection;
      weight[i] -= rate * step / (Math.sqrt(square[i] / squareCorrection) + adam.epsilon());
    }
  }

  Map<String, HostTensor> read() {
    Map<String, HostTensor> state = new LinkedHashMap<>();
    for (ParameterSpec parameter : parameters) {
      for (String name : names(optimizer)) {
        String key = parameter.name() + "/" + name;
        HostTensor tensor = HostTensor.zeros(parameter.shape());
        ParameterStore.copy(arrays.get(key), tensor);
        state.put(key, tensor);
      }
    }
    state.put(STEPS, HostTensor.of(Shape.of(1), steps));
    return state;
  }

  void write(Map<String, HostTensor> state) {
    require(state, STEPS, Shape.of(1));
    for (ParameterSpec parameter : parameters) {
      for (String name : names(optimizer)) {
        require(state, parameter.name() + "/" + name, parameter.shape());
      }
    }
    steps = (int) state.get(STEPS).get(0);
    arrays.forEach((key, array) -> ParameterStore.copy(state.get(key), array));
  }

  private static void require(Map<String, HostTensor> state, String key, Shape shape) {
    HostTensor tensor = state.get(key);
    if (tensor == null) {
      throw new IllegalArgumentException(
          "the optimizer's state lacks '"
              + key
              + "'; it was saved with another optimizer or other frozen parameters");
    }
    if (!tensor.shape().equals(shape)) {
      throw new IllegalArgumentException(
          "the optimizer's state '" + key + "' needs shape " + shape + ", got " + tensor.shape());
    }
  }

  /** The bytes of all arrays. */
  long bytes() {
    return MemoryEstimate.bytes(arrays.values());
  }
}
