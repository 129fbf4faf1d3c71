package io.resfuse.model;

import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.NetworkBuilder.Conv;
import io.resfuse.engine.NetworkBuilder.Norm;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.Value;
import org.jspecify.annotations.Nullable;

/**
 * Convolution, batch norm, optional residual add and optional ReLU as one fused operation: {@code
 * relu(bn(conv(x)) + residual)}. Padding keeps the size ("same" for stride 1): {@code dilation
 * (kernel - 1) / 2}.
 *
 * @param conv name of the convolution
 * @param norm name of the batch norm
 * @param outChannels channels of the result
 * @param kernel odd
 * @param stride step
 * @param dilation distance of the taps
 * @param groups groups of channels
 * @param relu whether a ReLU ends it
 */
public record ConvBnRelu(
    String conv,
    String norm,
    int outChannels,
    int kernel,
    int stride,
    int dilation,
    int groups,
    boolean relu) {
  /**
   * Appends it to a network.
   *
   * @param builder the network
   * @param config eps, momentum, bias
   * @param in (batch, channels, height, width)
   * @param residual of the result's shape, or null
   * @return (batch, outChannels, ceil(height / stride), ceil(width / stride))
   */
  public Value append(
      NetworkBuilder builder, ResNetConfig config, Value in, @Nullable Value residual) {
    Window window = new Window(kernel, stride, dilation * (kernel - 1) / 2, dilation);
    Norm batchNorm = new Norm(norm, config.epsilon(), config.momentum());
    return builder.fusedConv(
        in,
        new Conv(conv, outChannels, window, groups, config.convBias(), batchNorm),
        residual,
        relu);
  }

  /** The same, ended by the batch norm. */
  ConvBnRelu withoutRelu() {
    return new ConvBnRelu(conv, norm, outChannels, kernel, stride, dilation, groups, false);
  }
}
