package io.resfuse.model;

import io.resfuse.engine.NetworkSpec;
import java.util.Collections;
import java.util.List;

/**
 * A ResNet to be built: a variant and what may differ in it. Immutable; the {@code with} methods
 * give changed copies. The defaults are torchvision's.
 *
 * @param variant depth table
 * @param classes outputs of the head, 0 for a backbone without a head
 * @param inputChannels channels of the images
 * @param strideInFirst1x1 original ("v1") bottlenecks have their stride in the first 1x1
 *     convolution, torchvision's ("v1.5") in the 3x3
 * @param convBias whether convolutions have biases (Keras's have)
 * @param epsilon of all batch norms
 * @param momentum of all batch norms, PyTorch's sense: the share of the new batch
 * @param shortcut what a shortcut does where shapes differ
 * @param dilateStages per stage from the second on, whether its stride is replaced with dilation
 *     (torchvision's {@code replace_stride_with_dilation})
 */
public record ResNetConfig(
    ResNetVariant variant,
    int classes,
    int inputChannels,
    boolean strideInFirst1x1,
    boolean convBias,
    double epsilon,
    double momentum,
    Shortcut shortcut,
    List<Boolean> dilateStages)
    implements NetworkConfig {
  /** What a shortcut does where shapes differ (He et al. 2015, section 3.3). */
  public enum Shortcut {
    /** Option A: subsample, and pad channels with zeros. No parameters. */
    IDENTITY,
    /** Option B: a 1x1 convolution and batch norm. */
    PROJECTION
  }

  /**
   * Checks the ranges and copies the list.
   *
   * @param variant as in the record
   * @param classes as in the record
   * @param inputChannels as in the record
   * @param strideInFirst1x1 as in the record
   * @param convBias as in the record
   * @param epsilon as in the record
   * @param momentum as in the record
   * @param shortcut as in the record
   * @param dilateStages as in the record
   */
  public ResNetConfig {
    if (classes < 0 || inputChannels < 1) {
      throw new IllegalArgumentException(
          variant.name()
              + " needs classes >= 0 and input channels >= 1, got "
              + classes
              + " and "
              + inputChannels);
    }
    int stages = variant.blocks().size();
    if (dilateStages.size() != stages - 1) {
      throw new IllegalArgumentException(
          variant.name()
              + " has "
              + (stages - 1)
              + " stages that could be dilated, got "
              + dilateStages.size());
    }
    if (variant.block() == ResNetVariant.BlockKind.BASIC && dilateStages.contains(true)) {
      throw new IllegalArgumentException(
          variant.name()
              + " is made of basic blocks, which cannot be dilated; use resnet50 or deeper");
    }
    if (variant.averagedShortcuts() && dilateStages.contains(true)) {
      throw new IllegalArgumentException(
          variant.name()
              + " cannot be dilated, since its shortcuts are averages of squares side by side;"
              + " use a network without, as resnet50");
    }
    dilateStages = List.copyOf(dilateStages);
  }

  /**
   * The defaults of a variant: v1.5, no convolution bias, eps 1e-5, momentum 0.1, projection
   * shortcuts (option A for CIFAR's of three stages).
   *
   * @param variant depth table
   * @return a configuration with a head for the variant's data set
   */
  public static ResNetConfig of(ResNetVariant variant) {
    return new ResNetConfig(
        variant,
        variant.defaultClasses(),
        3,
        false,
        false,
        1e-5,
        0.1,
        variant.hasParameterFreeShortcuts() ? Shortcut.IDENTITY : Shortcut.PROJECTION,
        Collections.nCopies(variant.blocks().size() - 1, false));
  }

  /**
   * The defaults of a variant.
   *
   * @param variantName {@code resnet50}, ...
   * @return a configuration
   */
  public static ResNetConfig of(String variantName) {
    return of(ResNetVariant.of(variantName));
  }

  /**
   * Keras's ResNets: v1, convolution biases, eps 1e-3 (1.001e-5 in later releases).
   *
   * @param variantName {@code resnet50}, ...
   * @return a configuration
   */
  public static ResNetConfig keras(String variantName) {
    return of(variantName).withStrideInFirst1x1(true).withConvBias(true).withEpsilon(1e-3);
  }

  @Override
  public String name() {
    return variant.name();
  }

  @Override
  public int imageSize() {
    return variant.imageSize();
  }

  @Override
  public boolean isForSmallImages() {
    return variant.stem() == ResNetVariant.StemKind.CIFAR;
  }

  @Override
  public ResNetConfig withClasses(int count) {
    return new ResNetConfig(
        variant,
        count,
        inputChannels,
        strideInFirst1x1,
        convBias,
        epsilon,
        momentum,
        shortcut,
        dilateStages);
  }

  /**
   * Without a head: outputs {@code c2} to {@code c5} (or fewer) only.
   *
   * @return a changed copy
   */
  @Override
  public ResNetConfig backbone() {
    return withClasses(0);
  }

  @Override
  public ResNetConfig withInputChannels(int channels) {
    return new ResNetConfig(
        variant,
        classes,
        channels,
        strideInFirst1x1,
        convBias,
        epsilon,
        momentum,
        shortcut,
        dilateStages);
  }

  /**
   * With the stride of bottlenecks elsewhere.
   *
   * @param first whether in the first 1x1 (v1) rather than in the 3x3 (v1.5)
   * @return a changed copy
   */
  public ResNetConfig withStrideInFirst1x1(boolean first) {
    return new ResNetConfig(
        variant,
        classes,
        inputChannels,
        first,
        convBias,
        epsilon,
        momentum,
        shortcut,
        dilateStages);
  }

  /**
   * With or without convolution biases.
   *
   * @param bias whether they have them
   * @return a changed copy
   */
  public ResNetConfig withConvBias(boolean bias) {
    return new ResNetConfig(
        variant,
        classes,
        inputChannels,
        strideInFirst1x1,
        bias,
        epsilon,
        momentum,
        shortcut,
        dilateStages);
  }

  @Override
  public ResNetConfig withEpsilon(double eps) {
    return new ResNetConfig(
        variant,
        classes,
        inputChannels,
        strideInFirst1x1,
        convBias,
        eps,
        momentum,
        shortcut,
        dilateStages);
  }

  /**
   * With another kind of shortcut.
   *
   * @param kind what it does where shapes differ
   * @return a changed copy
   */
  public ResNetConfig withShortcut(Shortcut kind) {
    return new ResNetConfig(
        variant,
        classes,
        inputChannels,
        strideInFirst1x1,
        convBias,
        epsilon,
        momentum,
        kind,
        dilateStages);
  }

  /**
   * With dilation in place of strides.
   *
   * @param stages one per stage from the second on
   * @return a changed copy
   */
  public ResNetConfig replaceStrideWithDilation(Boolean... stages) {
    return new ResNetConfig(
        variant,
        classes,
        inputChannels,
        strideInFirst1x1,
        convBias,
        epsilon,
        momentum,
        shortcut,
        List.of(stages));
  }

  /**
   * Builds the network: outputs are the stages {@code c2}, {@code c3}, ... (He et al. 2015's
   * conv2_x to conv5_x) and, with a head, {@code pooled} and {@code logits}.
   *
   * @return an immutable network without weights
   */
  @Override
  public NetworkSpec build() {
    return ResNet.build(this);
  }

  @Override
  public List<Stage> stageOutputs() {
    return ResNet.stageOutputs(this);
  }
}
