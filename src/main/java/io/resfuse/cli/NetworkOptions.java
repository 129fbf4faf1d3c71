package io.resfuse.cli;

import io.resfuse.model.ResNetConfig;
import picocli.CommandLine.Option;

/** What may differ in a network, for commands that build one by name. */
final class NetworkOptions {
  @Option(names = "--classes", description = "Outputs of the head; 0 for a backbone without one.")
  private Integer classes;

  @Option(names = "--channels", description = "Channels of the images (default: 3).")
  private Integer channels;

  @Option(
      names = "--v1",
      description = "Original bottlenecks: the stride in the first 1x1 rather than in the 3x3.")
  private boolean strideInFirst1x1;

  @Option(names = "--conv-bias", description = "Convolutions have biases, as Keras's.")
  private boolean convBias;

  @Option(names = "--epsilon", description = "Epsilon of the batch norms (default: 1e-5).")
  private Double epsilon;

  @Option(
      names = "--shortcut",
      description = "Where shapes differ: identity (option A) or projection (option B).")
  private ResNetConfig.Shortcut shortcut;

  @Option(
      names = "--dilate",
      split = ",",
      description =
          "Per stage from the second on, dilation in place of the stride: false,true,true.")
  private Boolean[] dilate;

  ResNetConfig apply(ResNetConfig defaults) {
    ResNetConfig config = defaults;
    if (classes != null) {
      config = config.withClasses(classes);
    }
    if (channels != null) {
      config = config.withInputChannels(channels);
    }
    if (strideInFirst1x1) {
      config = config.withStrideInFirst1x1(true);
    }
    if (convBias) {
      config = config.withConvBias(true);
    }
    if (epsilon != null) {
      config = config.withEpsilon(epsilon);
    }
    if (shortcut != null) {
      config = config.withShortcut(shortcut);
    }
    if (dilate != null) {
      config = config.replaceStrideWithDilation(dilate);
    }
    return config;
  }
}
