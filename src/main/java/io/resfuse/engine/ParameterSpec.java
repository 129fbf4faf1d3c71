package io.resfuse.engine;

import io.resfuse.tensor.Shape;

/**
 * A named array of a network: a weight that training changes, or a running statistic.
 *
 * @param name torchvision's name, {@code layer1.0.conv1.weight}
 * @param shape convolution weights are (out, in / groups, height, width), linear ones (out, in),
 *     those of squeeze and excitation (out, in, 1, 1), all others (channels)
 * @param role what it is for
 */
public record ParameterSpec(String name, Shape shape, Role role) {
  /** What a parameter is for. */
  public enum Role {
    /** The kernel of a convolution. */
    CONV_WEIGHT(true),
    /** The bias of a convolution. */
    CONV_BIAS(true),
    /** The scale of a batch norm. */
    BN_GAMMA(true),
    /** The shift of a batch norm. */
    BN_BETA(true),
    /** The running mean of a batch norm. */
    BN_MEAN(false),
    /** The running (unbiased) variance of a batch norm. */
    BN_VARIANCE(false),
    /** The matrix of a linear layer. */
    LINEAR_WEIGHT(true),
    /** The bias of a linear layer. */
    LINEAR_BIAS(true),
    /** A matrix of squeeze and excitation. */
    GATE_WEIGHT(true),
    /** A bias of squeeze and excitation. */
    GATE_BIAS(true);

    private final boolean trainable;

    Role(boolean trainable) {
      this.trainable = trainable;
    }
  }

  /**
   * Whether it has a gradient.
   *
   * @return false for running statistics
   */
  public boolean isTrainable() {
    return role.trainable;
  }
}
