package io.resfuse.model;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.model.ResNetVariant.BlockKind;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A network that gives each pixel a class: a ResNet whose last stage a head of convolutions reads,
 * resized to the image. Immutable; {@link #withClasses} and its like give changed copies. The
 * defaults are torchvision's: for ImageNet's bottlenecks, dilation in place of the strides of the
 * last two stages. Basic blocks cannot be dilated; those for small images reduce these to a quarter
 * only.
 *
 * <p>The output {@code logits} is (batch, classes, height, width) of the image's size; with an
 * auxiliary head, which training reads beside it (with the weight 0.5 in torchvision's recipe) and
 * inference does not run, there is {@code aux}, of the same shape. The stages of the backbone are
 * outputs, too. Names of parameters are torchvision's, {@code backbone.layer1.0.conv1.weight},
 * {@code classifier.4.weight}, {@code aux_classifier.4.weight}.
 *
 * <p>torchvision's dropout before the last convolution of a head (0.1; 0.5 in DeepLabV3's pyramid)
 * is left out: inference does not have it, and training here does without.
 *
 * @param head what reads the last stage
 * @param backbone a ResNet without a head
 * @param classes of each pixel, at least 1
 * @param auxiliary whether the stage before the last has a head of its own, for training
 * @param width channels of DeepLabV3's head; of no meaning for an FCN, whose has a quarter of the
 *     last stage's
 * @param rates of the dilated convolutions of DeepLabV3's pyramid; of no meaning for an FCN
 */
public record SegmentationConfig(
    Head head,
    ResNetConfig backbone,
    int classes,
    boolean auxiliary,
    int width,
    List<Integer> rates)
    implements NetworkConfig {
  /** What names of the backbone's parameters begin with, before those of the ResNet alone. */
  public static final String BACKBONE = Segmentation.BACKBONE;

  private static final int VOC_CLASSES = 21;
  private static final int VOC_SIZE = 520;

  /** What reads the last stage. */
  public enum Head {
    /**
     * A 3x3 convolution to a quarter of the channels, and a 1x1 (the fully convolutional network of
     * Long, Shelhamer and Darrell 2014, arXiv 1411.4038, as torchvision has it).
     */
    FCN,
    /**
     * Atrous spatial pyramid pooling, a 3x3 and a 1x1 convolution (Chen et al. 2017, arXiv
     * 1706.05587, section 3.3): a 1x1 convolution, dilated 3x3 ones, and the mean of the image with
     * a 1x1 convolution, side by side, which a 1x1 convolution joins.
     */
    DEEPLABV3;

    /** As names of networks begin. */
    String prefix() {
      return name().toLowerCase(Locale.ROOT) + "_";
    }
  }

  /**
   * Checks the ranges and copies the list.
   *
   * @param head as in the record
   * @param backbone as in the record
   * @param classes as in the record
   * @param auxiliary as in the record
   * @param width as in the record
   * @param rates as in the record
   */
  public SegmentationConfig {
    rates = List.copyOf(rates);
    if (backbone.classes() != 0) {
      throw new IllegalArgumentException(
          "the backbone of a segmentation network has no head of its own, "
              + backbone.name()
              + " has one of "
              + backbone.classes()
              + " classes; give its backbone()");
    }
    if (classes < 1
        || width < 1
        || backbone.variant().blocks().size() < 2
        || rates.stream().anyMatch(rate -> rate < 1)) {
      throw new IllegalArgumentException(
          "a segmentation network needs a class, a channel, two stages and rates of at least 1, got"
              + " %d, %d, %d and %s"
                  .formatted(classes, width, backbone.variant().blocks().size(), rates));
    }
  }

  /**
   * The defaults on a backbone: 21 classes, as PASCAL VOC has, and an auxiliary head. The pyramid
   * of a DeepLabV3 has 256 channels and the rates 12, 24 and 36 as in torchvision, or for small
   * images as many channels as the last stage and the rates 3, 6 and 9.
   *
   * @param head what reads the last stage
   * @param resNet with or without a head, which is left out
   * @return a configuration
   */
  public static SegmentationConfig of(Head head, ResNetConfig resNet) {
    ResNetConfig backbone = resNet.backbone();
    boolean small = backbone.isForSmallImages();
    ResNetVariant variant = backbone.variant();
    int stages = variant.blocks().size();
    if (!small
        && variant.block() == BlockKind.BOTTLENECK
        && !variant.averagedShortcuts()
        && !backbone.dilateStages().contains(true)) {
      List<Boolean> dilated = new ArrayList<>();
      for (int s = 1; s < stages; s++) {
        dilated.add(s >= stages - 2);
      }
      backbone = backbone.replaceStrideWithDilation(dilated.toArray(Boolean[]::new));
    }
    int features = variant.widths().get(stages - 1) * variant.block().expansion();
    return new SegmentationConfig(
        head,
        backbone,
        VOC_CLASSES,
        true,
        small ? features : 256,
        small ? List.of(3, 6, 9) : List.of(12, 24, 36));
  }

  /**
   * The defaults of a network by its name: the head's and a ResNet's.
   *
   * @param name {@code fcn_resnet50}, {@code deeplabv3_resnet20}, ... in any case
   * @return null if it is none
   */
  static @Nullable SegmentationConfig named(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    for (Head head : Head.values()) {
      if (lower.startsWith(head.prefix())) {
        ResNetVariant variant = ResNetVariant.named(lower.substring(head.prefix().length()));
        return variant == null ? null : of(head, ResNetConfig.of(variant));
      }
    }
    return null;
  }

  /**
   * Those that torchvision has, and those on CIFAR's ResNet-20, for small images.
   *
   * @return the defaults of each
   */
  static List<SegmentationConfig> all() {
    List<SegmentationConfig> all = new ArrayList<>();
    for (Head head : Head.values()) {
      for (String name : List.of("resnet20", "resnet50", "resnet101")) {
        all.add(of(head, ResNetConfig.of(name)));
      }
    }
    return List.copyOf(all);
  }

  @Override
  public String name() {
    return head.prefix() + backbone.name();
  }

  @Override
  public int inputChannels() {
    return backbone.inputChannels();
  }

  @Override
  public double epsilon() {
    return backbone.epsilon();
  }

  @Override
  public double momentum() {
    return backbone.momentum();
  }

  @Override
  public int imageSize() {
    return isForSmallImages() ? backbone.imageSize() : VOC_SIZE;
  }

  @Override
  public boolean isForSmallImages() {
    return backbone.isForSmallImages();
  }

  /**
   * With another number of classes.
   *
   * @param count 0 for the backbone, a ResNet whose parameters have names of its own
   * @return a changed copy
   */
  @Override
  public NetworkConfig withClasses(int count) {
    return count == 0
        ? backbone
        : new SegmentationConfig(head, backbone, count, auxiliary, width, rates);
  }

  @Override
  public SegmentationConfig withInputChannels(int channels) {
    return withBackbone(backbone.withInputChannels(channels));
  }

  @Override
  public SegmentationConfig withEpsilon(double eps) {
    return withBackbone(backbone.withEpsilon(eps));
  }

  private SegmentationConfig withBackbone(ResNetConfig resNet) {
    return new SegmentationConfig(head, resNet, classes, auxiliary, width, rates);
  }

  /**
   * With or without the auxiliary head.
   *
   * @param wanted whether it has one
   * @return a changed copy
   */
  public SegmentationConfig withAuxiliary(boolean wanted) {
    return new SegmentationConfig(head, backbone, classes, wanted, width, rates);
  }

  /**
   * With another pyramid, for DeepLabV3.
   *
   * @param channels of each part
   * @param dilations of its 3x3 convolutions
   * @return a changed copy
   */
  public SegmentationConfig withPyramid(int channels, List<Integer> dilations) {
    return new SegmentationConfig(head, backbone, classes, auxiliary, channels, dilations);
  }

  @Override
  public NetworkSpec build() {
    return Segmentation.build(this);
  }

  @Override
  public List<Stage> stageOutputs() {
    return backbone.stageOutputs();
  }
}
