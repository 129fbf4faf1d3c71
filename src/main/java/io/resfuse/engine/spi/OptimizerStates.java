package io.resfuse.engine.spi;

import io.resfuse.engine.Optimizer;
import io.resfuse.engine.Optimizer.Sgd;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.util.List;
import java.util.Map;

/**
 * What an optimizer keeps between steps, under the names that {@link
 * io.resfuse.engine.TrainingPlan#readOptimizerState} gives it: arrays of each trained parameter's
 * shape, {@code PARAMETER/NAME}, and the number of steps made.
 */
public final class OptimizerStates {
  private static final String STEPS = "steps";

  private OptimizerStates() {}

  /**
   * The arrays of each trained parameter.
   *
   * @param optimizer whose
   * @return their names: none for plain SGD, {@code momentum}, or {@code exp_avg} and {@code
   *     exp_avg_sq}
   */
  public static List<String> names(Optimizer optimizer) {
    if (optimizer instanceof Sgd sgd) {
      return sgd.momentum() == 0 ? List.of() : List.of("momentum");
    }
    return List.of("exp_avg", "exp_avg_sq");
  }

  /** What an array is called among those of all parameters. */
  static String key(ParameterSpec parameter, String name) {
    return parameter.name() + "/" + name;
  }

  static void putSteps(Map<String, HostTensor> state, int steps) {
    state.put(STEPS, HostTensor.of(Shape.of(1), steps));
  }

  static int steps(Map<String, HostTensor> state) {
    return (int) require(state, STEPS, Shape.of(1)).get(0);
  }

  /**
   * Holds a state against what an optimizer keeps. What is not asked for is ignored.
   *
   * @throws IllegalArgumentException naming what is missing or misshapen
   */
  static void check(
      Map<String, HostTensor> state, Optimizer optimizer, List<ParameterSpec> trained) {
    require(state, STEPS, Shape.of(1));
    for (ParameterSpec parameter : trained) {
      for (String name : names(optimizer)) {
        require(state, key(parameter, name), parameter.shape());
      }
    }
  }

  private static HostTensor require(Map<String, HostTensor> state, String key, Shape shape) {
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
    return tensor;
  }
}
