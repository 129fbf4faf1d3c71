package io.resfuse.engine;

import java.util.Map;

/**
 * How gradients change parameters, over all parameters at once, with PyTorch's formulas. The
 * learning rate is given at each step.
 */
public sealed interface Optimizer {
  /**
   * Settings of one parameter that differ from the rest.
   *
   * @param learningRateScale multiplies the step's learning rate
   * @param weightDecay replaces the optimizer's
   */
  record Group(double learningRateScale, double weightDecay) {}

  /**
   * The weight decay of parameters that are in no group.
   *
   * @return coefficient of the parameter in its gradient (SGD, Adam) or of the decoupled decay
   *     (AdamW)
   */
  double weightDecay();

  /**
   * Parameters with settings of their own.
   *
   * @return by parameter name
   */
  Map<String, Group> groups();

  /**
   * The settings of a parameter.
   *
   * @param parameter its name
   * @return its group, else scale 1 and {@link #weightDecay}
   */
  default Group group(String parameter) {
    Group group = groups().get(parameter);
    return group == null ? new Group(1, weightDecay()) : group;
  }

  /**
   * Stochastic gradient descent: {@code g += wd w; v = momentum v + g} (v = g at the first step);
   * {@code w -= lr (nesterov ? g + momentum v : v)}. One state array, {@code momentum}.
   *
   * @param momentum 0 for plain SGD
   * @param nesterov whether to look ahead
   * @param weightDecay default coefficient
   * @param groups exceptions
   */
  record Sgd(double momentum, boolean nesterov, double weightDecay, Map<String, Group> groups)
      implements Optimizer {
    /**
     * Copies the map.
     *
     * @param momentum as in the record
     * @param nesterov as in the record
     * @param weightDecay as in the record
     * @param groups as in the record
     */
    public Sgd {
      groups = Map.copyOf(groups);
    }

    /**
     * The usual recipe for ResNets.
     *
     * @return momentum 0.9, weight decay 1e-4, no exceptions
     */
    public static Sgd standard() {
      return new Sgd(0.9, false, 1e-4, Map.of());
    }
  }

  /**
   * Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019), with bias correction: {@code
   * m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w -= lr (m / (1 - b1^t)) / (sqrt(v / (1 -
   * b2^t)) + eps)}. Decoupled: first {@code w -= lr wd w}; else {@code g += wd w}. State arrays
   * {@code exp_avg} and {@code exp_avg_sq}.
   *
   * @param beta1 decay of the mean
   * @param beta2 decay of the square
   * @param epsilon added to the root
   * @param decoupled AdamW's weight decay
   * @param weightDecay default coefficient
   * @param groups exceptions
   */
  record Adam(
      double beta1,
      double beta2,
      double epsilon,
      boolean decoupled,
      double weightDecay,
      Map<String, Group> groups)
      implements Optimizer {
    /**
     * Copies the map.
     *
     * @param beta1 as in the record
     * @param beta2 as in the record
     * @param epsilon as in the record
     * @param decoupled as in the record
     * @param weightDecay as in the record
     * @param groups as in the record
     */
    public Adam {
      groups = Map.copyOf(groups);
    }

    /**
     * PyTorch's defaults for AdamW.
     *
     * @return betas 0.9 and 0.999, eps 1e-8, weight decay 1e-2, decoupled
     */
    public static Adam adamW() {
      return new Adam(0.9, 0.999, 1e-8, true, 1e-2, Map.of());
    }
  }
}
