package io.resfuse.model;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The tables of the VGGs (Simonyan and Zisserman 2014, arXiv 1409.1556, table 1, columns A, B, D
 * and E), with batch norm behind each convolution or without, under torchvision's names; and those
 * for small images ({@code vgg16_bn_cifar}), whose only linear layer is behind the last stage, as
 * most code that trains a VGG on CIFAR has them.
 *
 * @param name in lower case, {@code vgg16_bn}
 * @param convolutions number of 3x3 convolutions per stage
 * @param widths channels per stage
 * @param batchNorm whether a batch norm follows each convolution
 * @param hidden units of each of the two layers before the last one, 0 if there are none
 */
public record VggVariant(
    String name, List<Integer> convolutions, List<Integer> widths, boolean batchNorm, int hidden) {
  private static final Map<String, VggVariant> NAMED = allNamed();

  /**
   * Checks the tables and copies them.
   *
   * @param name as in the record
   * @param convolutions as in the record
   * @param widths as in the record
   * @param batchNorm as in the record
   * @param hidden as in the record
   */
  public VggVariant {
    boolean fits =
        convolutions.size() == widths.size()
            && !convolutions.isEmpty()
            && convolutions.stream().allMatch(count -> count >= 1)
            && hidden >= 0;
    if (!fits) {
      throw new IllegalArgumentException(
          name
              + ": a VGG needs a width and at least one convolution for each stage, and no negative"
              + " number of hidden units");
    }
    convolutions = List.copyOf(convolutions);
    widths = List.copyOf(widths);
  }

  /**
   * A variant by its name.
   *
   * @param name {@code vgg11}, {@code vgg16_bn}, {@code vgg16_bn_cifar}, ...
   * @return its table
   * @throws IllegalArgumentException that lists the names if there is none of that name
   */
  public static VggVariant of(String name) {
    VggVariant variant = named(name);
    if (variant == null) {
      throw new IllegalArgumentException(
          "no VGG is named '" + name + "'; there are " + String.join(", ", NAMED.keySet()));
    }
    return variant;
  }

  static @Nullable VggVariant named(String name) {
    return NAMED.get(name.toLowerCase(Locale.ROOT));
  }

  /**
   * All variants.
   *
   * @return ImageNet's first, then those for small images
   */
  public static List<VggVariant> all() {
    return List.copyOf(NAMED.values());
  }

  /**
   * Whether it was made for small images.
   *
   * @return whether it has no hidden layers
   */
  public boolean isForSmallImages() {
    return hidden == 0;
  }

  /**
   * Whether it is the same network but for its name.
   *
   * @param other any
   * @return true if everything else is the same
   */
  public boolean hasTableOf(VggVariant other) {
    return equals(
        new VggVariant(name, other.convolutions, other.widths, other.batchNorm, other.hidden));
  }

  /**
   * The same network under the name that it has among those with one, or else under one made of its
   * number of layers.
   *
   * @return for example {@code vgg16_bn}, {@code vgg9_imagenet}, {@code vgg8_bn_small}
   */
  public VggVariant withUsualName() {
    for (VggVariant known : NAMED.values()) {
      if (known.hasTableOf(this)) {
        return known;
      }
    }
    int layers = convolutions.stream().mapToInt(Integer::intValue).sum();
    return new VggVariant(
        "vgg"
            + (layers + (hidden == 0 ? 1 : 3))
            + (batchNorm ? "_bn" : "")
            + (hidden == 0 ? "_small" : "_imagenet"),
        convolutions,
        widths,
        batchNorm,
        hidden);
  }

  private static Map<String, VggVariant> allNamed() {
    Map<String, List<Integer>> depths = new LinkedHashMap<>();
    depths.put("vgg11", List.of(1, 1, 2, 2, 2));
    depths.put("vgg13", List.of(2, 2, 2, 2, 2));
    depths.put("vgg16", List.of(2, 2, 3, 3, 3));
    depths.put("vgg19", List.of(2, 2, 4, 4, 4));
    List<VggVariant> list = new ArrayList<>();
    for (boolean small : new boolean[] {false, true}) {
      for (boolean batchNorm : new boolean[] {false, true}) {
        depths.forEach(
            (name, convolutions) ->
                list.add(
                    new VggVariant(
                        name + (batchNorm ? "_bn" : "") + (small ? "_cifar" : ""),
                        convolutions,
                        List.of(64, 128, 256, 512, 512),
                        batchNorm,
                        small ? 0 : 4096)));
      }
    }
    Map<String, VggVariant> map = new LinkedHashMap<>();
    list.forEach(variant -> map.put(variant.name(), variant));
    return Collections.unmodifiableMap(map);
  }
}
