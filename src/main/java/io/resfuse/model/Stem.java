package io.resfuse.model;

import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.Value;

/**
 * What comes before the stages: 7x7/2 convolution and 3x3/2 max pooling for ImageNet, one 3x3
 * convolution for small images.
 *
 * @param kind which
 * @param width channels of its result
 */
public record Stem(ResNetVariant.StemKind kind, int width) {
  /**
   * Appends it to a network.
   *
   * @param builder the network
   * @param config eps, momentum, bias
   * @param image (batch, channels, height, width)
   * @return (batch, width, height / 4, width / 4) for ImageNet, rounded up; the image's size else
   */
  public Value append(NetworkBuilder builder, ResNetConfig config, Value image) {
    boolean imageNet = kind == ResNetVariant.StemKind.IMAGENET;
    int kernel = imageNet ? 7 : 3;
    int stride = imageNet ? 2 : 1;
    Value value =
        new ConvBnRelu("conv1", "bn1", width, kernel, stride, 1, 1, true)
            .append(builder, config, image, null);
    return imageNet ? builder.maxPool("maxpool", value, new Window(3, 2, 1, 1)) : value;
  }
}
