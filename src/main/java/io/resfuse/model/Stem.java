package io.resfuse.model;

import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.Value;

/**
 * What comes before the stages: 7x7/2 convolution and 3x3/2 max pooling for ImageNet, or three 3x3
 * convolutions, the first with stride 2, and the same pooling; one 3x3 convolution for small
 * images.
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
   * @return (batch, width, height / 4, width / 4), rounded up; the image's size behind the stem for
   *     small images
   */
  public Value append(NetworkBuilder builder, ResNetConfig config, Value image) {
    return append(builder, config, image, "");
  }

  /** The same with names that begin with a prefix. */
  Value append(NetworkBuilder builder, ResNetConfig config, Value image, String prefix) {
    String conv = prefix + "conv1";
    String norm = prefix + "bn1";
    Value value =
        switch (kind) {
          case CIFAR -> conv(conv, norm, width, 3, 1).append(builder, config, image, null);
          case IMAGENET -> conv(conv, norm, width, 7, 2).append(builder, config, image, null);
          case DEEP, WIDE_DEEP, TIERED_DEEP -> deep(builder, config, image, conv, norm);
        };
    boolean pools = kind != ResNetVariant.StemKind.CIFAR;
    return pools ? builder.maxPool(prefix + "maxpool", value, new Window(3, 2, 1, 1)) : value;
  }

  /** By the places that convolutions and batch norms have in timm's Sequential. */
  private Value deep(
      NetworkBuilder builder, ResNetConfig config, Value image, String conv, String norm) {
    Value first =
        conv(conv + ".0", conv + ".1", kind.widthsBefore().get(0), 3, 2)
            .append(builder, config, image, null);
    Value second =
        conv(conv + ".3", conv + ".4", kind.widthsBefore().get(1), 3, 1)
            .append(builder, config, first, null);
    return conv(conv + ".6", norm, width, 3, 1).append(builder, config, second, null);
  }

  private static ConvBnRelu conv(String name, String norm, int channels, int kernel, int stride) {
    return new ConvBnRelu(name, norm, channels, kernel, stride, 1, 1, true);
  }
}
