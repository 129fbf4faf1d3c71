package io.resfuse.model;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.List;

/**
 * A network to be built: an architecture of this package and what may differ in it. What all of
 * them have is here; options that only one kind has are that kind's own. Immutable; the {@code
 * with} methods give changed copies.
 */
public sealed interface NetworkConfig permits ResNetConfig, VggConfig, SegmentationConfig {
  /**
   * One stage as a backbone offers it.
   *
   * @param output its name among the network's outputs
   * @param channels of its result
   * @param stride rows of the image per row of the result
   */
  record Stage(String output, int channels, int stride) {}

  /**
   * What it is called.
   *
   * @return for example {@code resnet50} or {@code vgg16_bn}
   */
  String name();

  /**
   * Outputs of the head.
   *
   * @return 0 for a backbone without a head
   */
  int classes();

  /**
   * Channels of the images.
   *
   * @return at least 1
   */
  int inputChannels();

  /**
   * Of all batch norms.
   *
   * @return added to variances
   */
  double epsilon();

  /**
   * Of all batch norms, PyTorch's sense.
   *
   * @return the share of the new batch in running statistics
   */
  double momentum();

  /**
   * The size of image that it was made for.
   *
   * @return rows and columns
   */
  int imageSize();

  /**
   * Whether it was made for images as small as CIFAR's, rather than for ImageNet's.
   *
   * @return which of the two
   */
  boolean isForSmallImages();

  /**
   * With another number of classes.
   *
   * @param count 0 for no head
   * @return a changed copy
   */
  NetworkConfig withClasses(int count);

  /**
   * With another number of image channels.
   *
   * @param channels at least 1
   * @return a changed copy
   */
  NetworkConfig withInputChannels(int channels);

  /**
   * With another eps of its batch norms, if it has any.
   *
   * @param eps added to variances
   * @return a changed copy
   */
  NetworkConfig withEpsilon(double eps);

  /**
   * Without a head: its stages are its only outputs.
   *
   * @return a changed copy
   */
  NetworkConfig backbone();

  /**
   * Builds the network. Names of parameters are torchvision's, or timm's for what only timm has;
   * outputs are the stages and, with a head, {@code logits} (and {@code pooled}, of those that
   * classify whole images).
   *
   * @return an immutable network without weights
   */
  NetworkSpec build();

  /**
   * What each stage gives.
   *
   * @return one per stage, from the first on
   */
  List<Stage> stageOutputs();

  /**
   * The shape that a parameter has in files of weights: torchvision's, of as many elements in the
   * same order.
   *
   * @param parameter of the network
   * @return for most the parameter's own
   */
  default Shape storedShape(ParameterSpec parameter) {
    return parameter.shape();
  }

  /**
   * The defaults of a network.
   *
   * @param name {@code resnet50}, {@code vgg16_bn}, ... in any case
   * @return a configuration with a head for the data set that the network was made for
   * @throws IllegalArgumentException that lists the names if there is none of that name
   */
  static NetworkConfig of(String name) {
    VggVariant vgg = VggVariant.named(name);
    if (vgg != null) {
      return VggConfig.of(vgg);
    }
    SegmentationConfig segmentation = SegmentationConfig.named(name);
    if (segmentation != null) {
      return segmentation;
    }
    ResNetVariant resNet = ResNetVariant.named(name);
    if (resNet != null) {
      return ResNetConfig.of(resNet);
    }
    throw new IllegalArgumentException(
        "no network is named '"
            + name
            + "'; there are "
            + String.join(", ", all().stream().map(NetworkConfig::name).toList()));
  }

  /**
   * The defaults of all networks with a name.
   *
   * @return ResNets and plain networks, VGGs, then those for segmentation
   */
  static List<NetworkConfig> all() {
    List<NetworkConfig> all = new ArrayList<>();
    ResNetVariant.all().forEach(variant -> all.add(ResNetConfig.of(variant)));
    VggVariant.all().forEach(variant -> all.add(VggConfig.of(variant)));
    all.addAll(SegmentationConfig.all());
    return List.copyOf(all);
  }
}
