package io.resfuse.weights.format;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What matters here of a Keras model's topology ({@code model_config}), as metadata of a {@link
 * TensorFile}.
 */
public final class KerasTopology {
  /** The epsilon of the batch norms. */
  public static final String EPSILON = "keras.epsilon";

  /** Whether the first 1x1 convolution of the second stage has the stride ("v1"). */
  public static final String STRIDE_IN_FIRST_1X1 = "keras.stride_in_first_1x1";

  private KerasTopology() {}

  /** Reads {@code {config: {layers: [{class_name, config: {name, epsilon, strides}}]}}}. */
  static Map<String, String> read(@Nullable Object modelConfig) {
    Map<String, String> metadata = new LinkedHashMap<>();
    collect(modelConfig, metadata, 0);
    return metadata;
  }

  /** Also looks into models that are layers of others. */
  private static void collect(@Nullable Object model, Map<String, String> metadata, int depth) {
    Object config = get(model, "config");
    Object layers = config instanceof List<?> ? config : get(config, "layers");
    if (!(layers instanceof List<?> list) || depth > 10) {
      return;
    }
    for (Object layer : list) {
      Object settings = get(layer, "config");
      Object name = get(settings, "name");
      if (get(layer, "class_name") instanceof String kind
          && kind.startsWith("BatchNormalization")
          && get(settings, "epsilon") instanceof Number epsilon
          && epsilon.doubleValue() >= 0
          && epsilon.doubleValue() < 1) {
        metadata.putIfAbsent(EPSILON, String.valueOf(epsilon.doubleValue()));
      } else if (("res3a_branch2a".equals(name) || "conv3_block1_1_conv".equals(name))
          && get(settings, "strides") instanceof List<?> strides
          && !strides.isEmpty()
          && strides.get(0) instanceof Number stride) {
        metadata.putIfAbsent(STRIDE_IN_FIRST_1X1, String.valueOf(stride.intValue() == 2));
      }
      collect(layer, metadata, depth + 1);
    }
  }

  /**
   * The names of layers by the places that Keras 3 gives their variables in its file of weights:
   * {@code layers/conv2d_1} is the second layer of that class, in the order of the model.
   */
  static Map<String, String> names(@Nullable Object modelConfig) {
    Map<String, String> names = new HashMap<>();
    collectNames(modelConfig, "", names, 0);
    return names;
  }

  private static void collectNames(
      @Nullable Object model, String scope, Map<String, String> names, int depth) {
    if (!(get(get(model, "config"), "layers") instanceof List<?> layers) || depth > 10) {
      return;
    }
    Map<String, Integer> counts = new HashMap<>();
    for (Object layer : layers) {
      if (get(layer, "class_name") instanceof String kind
          && get(get(layer, "config"), "name") instanceof String name) {
        String snake = snakeCase(kind);
        int count = counts.merge(snake, 1, Integer::sum);
        String place = scope + "layers/" + snake + (count == 1 ? "" : "_" + (count - 1));
        names.put(place, name);
        collectNames(layer, place + "/", names, depth + 1);
      }
    }
  }

  /**
   * {@code BatchNormalization} to {@code batch_normalization}, {@code Conv2D} to {@code conv2d}.
   */
  private static String snakeCase(String name) {
    return name.replaceAll("\\W+", "")
        .replaceAll("(.)([A-Z][a-z]+)", "$1_$2")
        .replaceAll("([a-z])([A-Z])", "$1_$2")
        .toLowerCase(Locale.ROOT);
  }

  private static @Nullable Object get(@Nullable Object object, String key) {
    return object instanceof Map<?, ?> map ? map.get(key) : null;
  }
}
