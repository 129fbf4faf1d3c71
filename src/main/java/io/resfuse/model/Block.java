package io.resfuse.model;

import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.Value;
import org.jspecify.annotations.Nullable;

/** A residual block: {@code relu(F(x) + shortcut(x))}, or {@code relu(F(x))} in a plain network. */
public sealed interface Block permits BasicBlock, Bottleneck {
  /**
   * Appends it to a network.
   *
   * @param builder the network
   * @param config what may differ in a variant
   * @param in (batch, channels, height, width)
   * @return (batch, {@link #outChannels}, height / stride, width / stride), rounded up
   */
  Value append(NetworkBuilder builder, ResNetConfig config, Value in);

  /**
   * The channels of its result.
   *
   * @return width times expansion
   */
  int outChannels();

  /**
   * The shortcut of a block: the input itself where shapes agree, else option A, B or, with {@link
   * ResNetVariant#averagedShortcuts}, B of the input's averages; null in a plain network.
   *
   * @param builder the network
   * @param config which option
   * @param in the block's input
   * @param block the block's name
   * @param outChannels channels of the block's result
   * @param stride of the block
   * @return what is added before the last ReLU
   */
  static @Nullable Value shortcut(
      NetworkBuilder builder,
      ResNetConfig config,
      Value in,
      String block,
      int outChannels,
      int stride) {
    if (!config.variant().residual()) {
      return null;
    }
    if (stride == 1 && in.channels() == outChannels) {
      return in;
    }
    if (config.shortcut() == ResNetConfig.Shortcut.IDENTITY) {
      return builder.subsampledIdentity(block + ".shortcut", in, stride, outChannels);
    }
    String name = block + ".downsample.";
    if (config.variant().averagedShortcuts()) {
      Value pooled = stride == 1 ? in : builder.averagePool(name + 0, in, stride);
      return new ConvBnRelu(name + 1, name + 2, outChannels, 1, 1, 1, 1, false)
          .append(builder, config, pooled, null);
    }
    return new ConvBnRelu(name + 0, name + 1, outChannels, 1, stride, 1, 1, false)
        .append(builder, config, in, null);
  }

  /**
   * The end of a block: its last convolution, squeeze and excitation if the variant has it, the
   * shortcut and the ReLU.
   *
   * @param builder the network
   * @param config what may differ in a variant
   * @param in what the last convolution reads
   * @param block the block's name
   * @param last the convolution, with a ReLU
   * @param shortcut what is added before the ReLU, or null
   * @return the block's result
   */
  static Value end(
      NetworkBuilder builder,
      ResNetConfig config,
      Value in,
      String block,
      ConvBnRelu last,
      @Nullable Value shortcut) {
    if (!config.variant().squeezeExcitation()) {
      return last.append(builder, config, in, shortcut);
    }
    Value normalised = last.withoutRelu().append(builder, config, in, null);
    int reduced = ResNetVariant.reducedChannels(normalised.channels());
    return builder.squeezeExcite(block + ".se", normalised, reduced, shortcut, last.relu());
  }
}
