package io.resfuse.weights.format;

import java.util.LinkedHashMap;
import java.util.List;
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

  private static @Nullable Object get(@Nullable Object object, String key) {
    return object instanceof Map<?, ?> map ? map.get(key) : null;
  }
}
