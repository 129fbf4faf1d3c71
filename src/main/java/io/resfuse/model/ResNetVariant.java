package io.resfuse.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The depth tables: which blocks, how many and how wide. Constants for the ImageNet variants (He et
 * al. 2015, table 1; Zagoruyko and Komodakis 2016; Xie et al. 2017; Hu et al. 2017), under
 * torchvision's names or, where it has none, timm's; {@link #cifar} for the small ones (He et al.
 * 2015, section 4.2). {@code resnet18_cifar} and its kin have the stages and widths of ImageNet's
 * behind a 3x3 stem, as most code that trains a ResNet-18 on CIFAR does.
 *
 * @param name in lower case, {@code resnet50}
 * @param block which kind of block
 * @param stem which kind of stem
 * @param blocks number of blocks per stage
 * @param widths channels per stage before the block's expansion
 * @param groups groups of the 3x3 convolution of bottlenecks
 * @param widthPerGroup channels per group in the first stage (64 for a plain bottleneck)
 * @param residual false for the plain counterpart without shortcuts
 * @param averagedShortcuts whether projections have no stride, but are of the averages of squares
 *     of as many pixels (He et al. 2018, ResNet-D)
 * @param squeezeExcitation whether each block multiplies its channels by gates before the shortcut
 *     is added (Hu et al. 2017, SE-ResNet)
 */
public record ResNetVariant(
    String name,
    BlockKind block,
    StemKind stem,
    List<Integer> blocks,
    List<Integer> widths,
    int groups,
    int widthPerGroup,
    boolean residual,
    boolean averagedShortcuts,
    boolean squeezeExcitation) {
  /** A thousand blocks a stage, as many as files of models may have. */
  private static final int MOST_LAYERS = 6002;

  /** The kinds of block. */
  public enum BlockKind {
    /** Two 3x3 convolutions. */
    BASIC(1),
    /** 1x1, 3x3, 1x1; four times as many channels leave as the 3x3 has. */
    BOTTLENECK(4);

    private final int expansion;

    BlockKind(int expansion) {
      this.expansion = expansion;
    }

    /**
     * The channels that leave the block by the block's width.
     *
     * @return 1 or 4
     */
    public int expansion() {
      return expansion;
    }
  }

  /** The kinds of stem. */
  public enum StemKind {
    /** 7x7 with stride 2 and 3x3 max pooling with stride 2. */
    IMAGENET,
    /** 3x3 with stride 1. */
    CIFAR,
    /** 3x3 with stride 2, two more 3x3, and the max pooling (He et al. 2018, ResNet-C): timm's. */
    DEEP(32, 32),
    /** The same with twice the channels, timm's {@code resnet50s}. */
    WIDE_DEEP(64, 64),
    /** The same with channels that grow, timm's {@code resnet50t}. */
    TIERED_DEEP(24, 32);

    private final int first;
    private final int second;

    StemKind() {
      this(0, 0);
    }

    StemKind(int first, int second) {
      this.first = first;
      this.second = second;
    }

    /**
     * The channels of the convolutions before the last one.
     *
     * @return two numbers, or none where the stem is one convolution
     */
    public List<Integer> widthsBefore() {
      return isDeep() ? List.of(first, second) : List.of();
    }

    /**
     * Whether the stem is three convolutions.
     *
     * @return whether {@link #widthsBefore} has any
     */
    public boolean isDeep() {
      return first > 0;
    }

    /**
     * How many rows of the image become one.
     *
     * @return 1 for small images, else 4
     */
    public int stride() {
      return this == CIFAR ? 1 : 4;
    }
  }

  private static final Pattern SMALL = Pattern.compile("(resnet|plain)([0-9]{1,4})");
  private static final Map<String, ResNetVariant> NAMED = allNamed();

  /**
   * Checks the tables and copies them.
   *
   * @param name as in the record
   * @param block as in the record
   * @param stem as in the record
   * @param blocks as in the record
   * @param widths as in the record
   * @param groups as in the record
   * @param widthPerGroup as in the record
   * @param residual as in the record
   * @param averagedShortcuts as in the record
   * @param squeezeExcitation as in the record
   */
  public ResNetVariant {
    if (blocks.size() != widths.size() || blocks.isEmpty()) {
      throw new IllegalArgumentException(name + ": one width per stage is needed");
    }
    blocks = List.copyOf(blocks);
    widths = List.copyOf(widths);
  }

  /**
   * A table whose projections have the stride, as torchvision's.
   *
   * @param name as in the record
   * @param block as in the record
   * @param stem as in the record
   * @param blocks as in the record
   * @param widths as in the record
   * @param groups as in the record
   * @param widthPerGroup as in the record
   * @param residual as in the record
   */
  public ResNetVariant(
      String name,
      BlockKind block,
      StemKind stem,
      List<Integer> blocks,
      List<Integer> widths,
      int groups,
      int widthPerGroup,
      boolean residual) {
    this(name, block, stem, blocks, widths, groups, widthPerGroup, residual, false, false);
  }

  /**
   * A variant by its name.
   *
   * @param name {@code resnet18}, {@code wide_resnet50_2}, {@code resnext50_32x4d}, {@code
   *     resnet20}, {@code plain56}, ...; of those for small images, any depth 6 n + 2 from 8 to
   *     1202 that is not the name of another
   * @return its table
   * @throws IllegalArgumentException that lists the names if there is none of that name
   */
  public static ResNetVariant of(String name) {
    ResNetVariant variant = named(name);
    if (variant == null) {
      throw new IllegalArgumentException(
          "no ResNet is named '" + name + "'; there are " + String.join(", ", NAMED.keySet()));
    }
    return variant;
  }

  static @Nullable ResNetVariant named(String name) {
    ResNetVariant variant = NAMED.get(name.toLowerCase(Locale.ROOT));
    Matcher small = SMALL.matcher(name.toLowerCase(Locale.ROOT));
    if (variant == null && small.matches()) {
      int depth = Integer.parseInt(small.group(2));
      if (depth >= 8 && depth <= 1202 && (depth - 2) % 6 == 0) {
        return cifar(depth, small.group(1).equals("resnet"));
      }
    }
    return variant;
  }

  /**
   * All variants with a name.
   *
   * @return ImageNet's first, then CIFAR's, narrow and wide, then the plain ones
   */
  public static List<ResNetVariant> all() {
    return List.copyOf(NAMED.values());
  }

  /**
   * A network for small images with three stages of widths 16, 32 and 64.
   *
   * @param depth 6 n + 2 layers: 20, 32, 44, 56, 110, ...
   * @param residual whether it has shortcuts
   * @return its table, called {@code resnetDEPTH} or {@code plainDEPTH}
   */
  public static ResNetVariant cifar(int depth, boolean residual) {
    if (depth < 8 || depth > MOST_LAYERS || (depth - 2) % 6 != 0) {
      throw new IllegalArgumentException(
          "a CIFAR network has 6 n + 2 layers (20, 32, 44, 56, 110, ..., at most %d), got %d"
              .formatted(MOST_LAYERS, depth));
    }
    return new ResNetVariant(
        (residual ? "resnet" : "plain") + depth,
        BlockKind.BASIC,
        StemKind.CIFAR,
        Collections.nCopies(3, (depth - 2) / 6),
        List.of(16, 32, 64),
        1,
        64,
        residual);
  }

  /**
   * The same network without shortcuts.
   *
   * @return its plain counterpart
   */
  public ResNetVariant plain() {
    return new ResNetVariant(
        name.replace("resnet", "plain"), block, stem, blocks, widths, groups, widthPerGroup, false);
  }

  /** The same stages behind another stem. */
  private ResNetVariant withStem(String newName, StemKind kind) {
    return new ResNetVariant(newName, block, kind, blocks, widths, groups, widthPerGroup, residual);
  }

  /** The same stages with averaged shortcuts behind another stem. */
  private ResNetVariant averaging(String newName, StemKind kind) {
    return new ResNetVariant(
        newName, block, kind, blocks, widths, groups, widthPerGroup, residual, true, false);
  }

  /** The same with squeeze and excitation. */
  private ResNetVariant gated(String newName) {
    return new ResNetVariant(
        newName,
        block,
        stem,
        blocks,
        widths,
        groups,
        widthPerGroup,
        residual,
        averagedShortcuts,
        true);
  }

  /**
   * The channels that squeeze and excitation reduces a block's result to: a sixteenth, rounded to a
   * multiple of 8 (half up), at least 8, as timm's.
   *
   * @param channels of the block's result
   * @return of the hidden layer
   */
  public static int reducedChannels(int channels) {
    return Math.max(8, (channels / 16 + 4) / 8 * 8);
  }

  /**
   * Whether it is the same network but for its name.
   *
   * @param other any
   * @return true if everything else is the same
   */
  public boolean hasTableOf(ResNetVariant other) {
    return equals(
        new ResNetVariant(
            name,
            other.block,
            other.stem,
            other.blocks,
            other.widths,
            other.groups,
            other.widthPerGroup,
            other.residual,
            other.averagedShortcuts,
            other.squeezeExcitation));
  }

  /**
   * The same network under the name that it has among those with one, or else under one made of its
   * number of layers and its stem.
   *
   * @return for example {@code resnet50}, {@code resnet14}, {@code resnet26_imagenet}, {@code
   *     plain10_cifar}
   */
  public ResNetVariant withUsualName() {
    int count = blocks.stream().mapToInt(Integer::intValue).sum();
    List<ResNetVariant> known = new ArrayList<>(NAMED.values());
    if (count >= 3 && count % 3 == 0 && count <= (MOST_LAYERS - 2) / 2) {
      known.add(cifar(2 + (2 * count), residual));
    }
    for (ResNetVariant variant : known) {
      if (variant.hasTableOf(this)) {
        return variant;
      }
    }
    int layers = 2 + (count * (block == BlockKind.BASIC ? 2 : 3));
    String kind = squeezeExcitation ? "seresnet" : residual ? "resnet" : "plain";
    return new ResNetVariant(
        kind + layers + "_" + stem.name().toLowerCase(Locale.ROOT),
        block,
        stem,
        blocks,
        widths,
        groups,
        widthPerGroup,
        residual,
        averagedShortcuts,
        squeezeExcitation);
  }

  /**
   * Whether it is one of He et al.'s for small images, whose shortcuts have no parameters.
   *
   * @return true for three stages or fewer behind a 3x3 stem
   */
  boolean hasParameterFreeShortcuts() {
    return stem == StemKind.CIFAR && blocks.size() < 4;
  }

  /**
   * The channels of the stem's result.
   *
   * @return the first stage's width, or of a deep stem twice what its second convolution has
   */
  public int stemWidth() {
    return stem.isDeep() ? 2 * stem.widthsBefore().get(1) : widths.get(0);
  }

  /**
   * The size of image that it was made for.
   *
   * @return 224 or 32
   */
  public int imageSize() {
    return stem == StemKind.CIFAR ? 32 : 224;
  }

  /**
   * The number of classes of the data set that it was made for.
   *
   * @return 1000 or 10
   */
  public int defaultClasses() {
    return stem == StemKind.CIFAR ? 10 : 1000;
  }

  private static Map<String, ResNetVariant> allNamed() {
    List<ResNetVariant> list = new ArrayList<>();
    list.add(imageNet("resnet18", BlockKind.BASIC, 1, 64, 2, 2, 2, 2));
    list.add(imageNet("resnet34", BlockKind.BASIC, 1, 64, 3, 4, 6, 3));
    list.add(imageNet("resnet50", BlockKind.BOTTLENECK, 1, 64, 3, 4, 6, 3));
    list.add(imageNet("resnet101", BlockKind.BOTTLENECK, 1, 64, 3, 4, 23, 3));
    list.add(imageNet("resnet152", BlockKind.BOTTLENECK, 1, 64, 3, 8, 36, 3));
    list.add(imageNet("wide_resnet50_2", BlockKind.BOTTLENECK, 1, 128, 3, 4, 6, 3));
    list.add(imageNet("wide_resnet101_2", BlockKind.BOTTLENECK, 1, 128, 3, 4, 23, 3));
    list.add(imageNet("resnext50_32x4d", BlockKind.BOTTLENECK, 32, 4, 3, 4, 6, 3));
    list.add(imageNet("resnext101_32x8d", BlockKind.BOTTLENECK, 32, 8, 3, 4, 23, 3));
    addTimm(list);
    List<Integer> cifarDepths = List.of(20, 32, 44, 56, 110);
    cifarDepths.forEach(depth -> list.add(cifar(depth, true)));
    List.of("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
        .forEach(name -> list.add(of(list, name).withStem(name + "_cifar", StemKind.CIFAR)));
    list.add(of(list, "resnet18").plain());
    list.add(of(list, "resnet34").plain());
    cifarDepths.forEach(depth -> list.add(cifar(depth, false)));
    Map<String, ResNetVariant> map = new LinkedHashMap<>();
    list.forEach(variant -> map.put(variant.name(), variant));
    return Collections.unmodifiableMap(map);
  }

  /** Those of timm that torchvision has not. */
  private static void addTimm(List<ResNetVariant> list) {
    BlockKind bottleneck = BlockKind.BOTTLENECK;
    list.add(imageNet("resnext101_32x4d", bottleneck, 32, 4, 3, 4, 23, 3));
    list.add(imageNet("resnext101_64x4d", bottleneck, 64, 4, 3, 4, 23, 3));
    for (String name : List.of("resnet50", "resnet101", "resnet152")) {
      list.add(of(list, name).withStem(name + "c", StemKind.DEEP));
      list.add(of(list, name).withStem(name + "s", StemKind.WIDE_DEEP));
    }
    for (String name : List.of("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")) {
      list.add(of(list, name).averaging(name + "d", StemKind.DEEP));
    }
    list.add(of(list, "resnext50_32x4d").averaging("resnext50d_32x4d", StemKind.DEEP));
    ResNetVariant twoPerStage = imageNet("", bottleneck, 1, 64, 2, 2, 2, 2);
    list.add(twoPerStage.averaging("resnet26d", StemKind.DEEP));
    list.add(imageNet("", bottleneck, 1, 64, 3, 24, 36, 3).averaging("resnet200d", StemKind.DEEP));
    list.add(
        imageNet("", BlockKind.BASIC, 1, 64, 1, 1, 1, 1)
            .averaging("resnet10t", StemKind.TIERED_DEEP));
    list.add(
        imageNet("", bottleneck, 1, 64, 1, 1, 1, 1).averaging("resnet14t", StemKind.TIERED_DEEP));
    list.add(twoPerStage.averaging("resnet26t", StemKind.TIERED_DEEP));
    list.add(of(list, "resnet50").averaging("resnet50t", StemKind.TIERED_DEEP));
    for (String name :
        List.of(
            "resnet18",
            "resnet34",
            "resnet50",
            "resnet50t",
            "resnet101",
            "resnet152",
            "resnet152d",
            "resnet200d",
            "resnext50_32x4d",
            "resnext101_32x4d",
            "resnext101_32x8d",
            "resnext101_64x4d")) {
      list.add(of(list, name).gated("se" + name));
    }
    ResNetVariant grouped = imageNet("", bottleneck, 32, 4, 2, 2, 2, 2);
    list.add(grouped.averaging("", StemKind.DEEP).gated("seresnext26d_32x4d"));
    list.add(grouped.averaging("", StemKind.TIERED_DEEP).gated("seresnext26t_32x4d"));
    list.add(
        imageNet("", bottleneck, 1, 64, 3, 30, 48, 8)
            .averaging("", StemKind.DEEP)
            .gated("seresnet269d"));
    list.add(
        of(list, "resnext101_32x8d").averaging("", StemKind.DEEP).gated("seresnext101d_32x8d"));
  }

  private static ResNetVariant of(List<ResNetVariant> list, String name) {
    return list.stream().filter(variant -> variant.name().equals(name)).findFirst().orElseThrow();
  }

  private static ResNetVariant imageNet(
      String name, BlockKind block, int groups, int widthPerGroup, Integer... blocks) {
    return new ResNetVariant(
        name,
        block,
        StemKind.IMAGENET,
        Arrays.asList(blocks),
        List.of(64, 128, 256, 512),
        groups,
        widthPerGroup,
        true);
  }
}
