package io.resfuse.model;

import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.Value;

/**
 * 1x1, 3x3, 1x1: {@code relu(bn3(conv3(relu(bn2(conv2(relu(bn1(conv1(x)))))))) + shortcut(x))} (He
 * et al. 2015, figure 5 right), with 4 times {@code width} channels at its end. With {@link
 * ResNetVariant#squeezeExcitation}, bn3 is gated before the shortcut is added.
 *
 * @param name {@code layer1.0}
 * @param width channels that the stage's table gives
 * @param innerWidth channels of the first 1x1 and the 3x3: {@code width} but for wide networks and
 *     ResNeXt
 * @param groups groups of the 3x3
 * @param stride 1 or 2
 * @param dilation of the 3x3
 */
public record Bottleneck(
    String name, int width, int innerWidth, int groups, int stride, int dilation) implements Block {
  @Override
  public Value append(NetworkBuilder builder, ResNetConfig config, Value in) {
    int firstStride = config.strideInFirst1x1() ? stride : 1;
    int middleStride = config.strideInFirst1x1() ? 1 : stride;
    Value shortcut = Block.shortcut(builder, config, in, name, outChannels(), stride);
    Value reduced =
        new ConvBnRelu(name + ".conv1", name + ".bn1", innerWidth, 1, firstStride, 1, 1, true)
            .append(builder, config, in, null);
    Value middle =
        new ConvBnRelu(
                name + ".conv2", name + ".bn2", innerWidth, 3, middleStride, dilation, groups, true)
            .append(builder, config, reduced, null);
    return Block.end(
        builder,
        config,
        middle,
        name,
        new ConvBnRelu(name + ".conv3", name + ".bn3", outChannels(), 1, 1, 1, 1, true),
        shortcut);
  }

  @Override
  public int outChannels() {
    return width * ResNetVariant.BlockKind.BOTTLENECK.expansion();
  }
}
