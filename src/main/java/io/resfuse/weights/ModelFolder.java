package io.resfuse.weights;

import io.resfuse.model.NetworkConfig;
import io.resfuse.model.ResNetConfig;
import io.resfuse.weights.format.Json;
import io.resfuse.weights.format.WeightsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What lies beside weights that come from Hugging Face: {@code config.json} of a ResNet of
 * transformers, or of a ResNet or VGG of timm, and {@code preprocessor_config.json}. Files of other
 * models, and broken ones, are passed over.
 */
final class ModelFolder {
  private static final long MAX_BYTES = 16L << 20;
  private static final List<Double> MEAN = List.of(0.485, 0.456, 0.406);
  private static final List<Double> DEVIATION = List.of(0.229, 0.224, 0.225);

  /** Of Pillow's filters. */
  private static final int BILINEAR = 2;

  private static final int BICUBIC = 3;

  /** timm's names of networks whose strides are blur pools, which no tensor shows. */
  private static final Pattern ANTI_ALIASED = Pattern.compile("[a-z]*resnex?t(aa|blur)\\d.*");

  private final Path file;
  private final Map<String, @Nullable Object> config;
  private final Map<String, @Nullable Object> preprocessor;
  private final List<String> notes;

  private ModelFolder(
      Path file,
      Map<String, @Nullable Object> config,
      Map<String, @Nullable Object> preprocessor,
      List<String> notes) {
    this.file = file;
    this.config = config;
    this.preprocessor = preprocessor;
    this.notes = notes;
  }

  /**
   * Looks beside a weight file.
   *
   * @param notes told what was found
   * @return null if nothing there describes a ResNet or a VGG
   */
  static @Nullable ModelFolder beside(Path file, List<String> notes) {
    Map<String, @Nullable Object> config = object(file, "config.json");
    boolean ofTransformers = "resnet".equals(config.get("model_type"));
    boolean ofTimm =
        config.get("architecture") instanceof String name
            && (name.contains("resne") || name.startsWith("vgg"))
            && config.get("pretrained_cfg") instanceof Map;
    if (!ofTransformers && !ofTimm) {
      return null;
    }
    return new ModelFolder(file, config, object(file, "preprocessor_config.json"), notes);
  }

  private static Map<String, @Nullable Object> object(Path file, String name) {
    Path beside = file.resolveSibling(name);
    try {
      if (Files.isRegularFile(beside) && Files.size(beside) <= MAX_BYTES) {
        return Json.parseObject(Files.readAllBytes(beside));
      }
    } catch (IOException e) {
      // What is no JSON describes nothing.
    }
    return Map.of();
  }

  /**
   * What names and shapes cannot tell.
   *
   * @param guess the network by names and shapes
   * @return with what the folder says
   * @throws WeightsException if the network is one that does not run here
   */
  NetworkConfig apply(NetworkConfig guess) {
    if (Boolean.TRUE.equals(config.get("downsample_in_first_stage"))) {
      throw unlike("its first stage halves the picture (downsample_in_first_stage)");
    }
    if (config.get("architecture") instanceof String name && ANTI_ALIASED.matcher(name).matches()) {
      throw unlike("it is an anti-aliased network (" + name + ")");
    }
    if (config.get("hidden_act") instanceof String activation && !activation.equals("relu")) {
      throw unlike("its activation is " + activation);
    }
    boolean first = Boolean.TRUE.equals(config.get("downsample_in_bottleneck"));
    return first && guess instanceof ResNetConfig resNet
        ? resNet.withStrideInFirst1x1(true)
        : guess;
  }

  private WeightsException unlike(String found) {
    return WeightsException.of(
        file,
        "by config.json beside it " + found,
        "give weights of a network that 'resfuse summary' lists");
  }

  /** One name per class, or none where there are not as many, or only placeholders. */
  List<String> labels(int classes) {
    if (!(config.get("id2label") instanceof Map<?, ?> names) || names.size() != classes) {
      return List.of();
    }
    List<String> labels = new ArrayList<>();
    for (int i = 0; i < classes; i++) {
      if (!(names.get(String.valueOf(i)) instanceof String name)) {
        return List.of();
      }
      labels.add(name);
    }
    if (labels.stream().allMatch(name -> name.matches("LABEL_\\d+"))) {
      return List.of();
    }
    notes.add("labels are those of config.json beside it");
    return List.copyOf(labels);
  }

  /**
   * The name of the preprocessing, or null if nothing says it, or nothing here does the same.
   *
   * @param inputChannels of the network; the folder says how it would be for three
   */
  @Nullable String preset(int inputChannels) {
    Sizes sizes =
        config.get("pretrained_cfg") instanceof Map<?, ?> timm ? timm(timm) : huggingFace();
    if (sizes == null) {
      return null;
    }
    String name = "torchvision" + ModelFile.colours(inputChannels);
    String filter =
        switch (sizes.filter) {
          case BILINEAR -> name;
          case BICUBIC -> name + "-bicubic";
          default -> null;
        };
    if (filter == null || !MEAN.equals(sizes.mean) || !DEVIATION.equals(sizes.deviation)) {
      notes.add(
          "how pictures are prepared is said beside it, but nothing here does the same: mean "
              + sizes.mean
              + ", deviation "
              + sizes.deviation
              + ", filter "
              + sizes.filter);
      return null;
    }
    boolean usual = sizes.resize == 256 && sizes.crop == 224;
    String preset = usual ? filter : filter + "@" + sizes.resize + ":" + sizes.crop;
    notes.add("how pictures are prepared is said beside it: " + preset);
    return preset;
  }

  /** What a description of preprocessing says. */
  private record Sizes(
      int resize, int crop, int filter, @Nullable Object mean, @Nullable Object deviation) {}

  private static @Nullable Sizes timm(Map<?, ?> description) {
    if (!(description.get("input_size") instanceof List<?> size)
        || size.size() != 3
        || !(size.get(2) instanceof Long crop)
        || crop < 1
        || crop > 1 << 14) {
      return null;
    }
    double share = description.get("crop_pct") instanceof Number n ? n.doubleValue() : 0.875;
    int filter = "bilinear".equals(description.get("interpolation")) ? BILINEAR : BICUBIC;
    return sized(crop, share, filter, description.get("mean"), description.get("std"));
  }

  private @Nullable Sizes huggingFace() {
    if (preprocessor.isEmpty()) {
      return null;
    }
    long size = edge(preprocessor.get("size"));
    int filter =
        preprocessor.get("resample") instanceof Long number ? (int) (long) number : BICUBIC;
    Object mean = preprocessor.get("image_mean");
    Object deviation = preprocessor.get("image_std");
    if (size < 1 || size > 1 << 14) {
      return null;
    }
    if (preprocessor.get("crop_size") != null) {
      long crop = edge(preprocessor.get("crop_size"));
      boolean cropped = !Boolean.FALSE.equals(preprocessor.get("do_center_crop"));
      return cropped && crop >= 1 && crop <= 1 << 14
          ? new Sizes((int) size, (int) crop, filter, mean, deviation)
          : null;
    }
    // ConvNext's: from 384 on pictures are squeezed into a square.
    double share = preprocessor.get("crop_pct") instanceof Number n ? n.doubleValue() : 0.875;
    return size < 384 ? sized(size, share, filter, mean, deviation) : null;
  }

  private static @Nullable Sizes sized(
      long crop, double share, int filter, @Nullable Object mean, @Nullable Object deviation) {
    if (!(share > 0.01 && share <= 1)) {
      return null;
    }
    return new Sizes((int) (crop / share), (int) crop, filter, mean, deviation);
  }

  /** A number, or the shortest edge, or the sides of a square; 0 for anything else. */
  private static long edge(@Nullable Object size) {
    if (size instanceof Map<?, ?> sides) {
      Object shortest = sides.get("shortest_edge");
      boolean square =
          sides.get("height") != null && sides.get("height").equals(sides.get("width"));
      return edge(shortest != null ? shortest : square ? sides.get("height") : null);
    }
    return size instanceof Long number ? number : 0;
  }
}
