package io.resfuse.model;

import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.Value;

/**
 * Two 3x3 convolutions: {@code relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x))} (He et al.
 * 2015, figure 5 left). The stride is in the first. With {@link ResNetVariant#squeezeExcitation},
 * bn2 is gated before the shortcut is added.
 *
 * @param name {@code layer1.0}
 * @param width channels of both convolutions
 * @param stride 1 or 2
 */
public record BasicBlock(String name, int width, int stride) implements Block {
  @Override
  public Value append(NetworkBuilder builder, ResNetConfig config, Value in) {
    Value shortcut = Block.shortcut(builder, config, in, name, outChannels(), stride);
    Value hidden =
        new ConvBnRelu(name + ".conv1", name + ".bn1", width, 3, stride, 1, 1, true)
            .append(builder, config, in, null);
    return Block.end(
        builder,
        config,
        hidden,
        name,
        new ConvBnRelu(name + ".conv2", name + ".bn2", width, 3, 1, 1, 1, true),
        shortcut);
  }

  @Override
  public int outChannels() {
    return width;
  }
}
