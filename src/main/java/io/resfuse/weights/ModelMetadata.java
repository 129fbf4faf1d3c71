package io.resfuse.weights;

import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.weights.format.Json;
import io.resfuse.weights.format.TensorFile;
import io.resfuse.weights.format.WeightsException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What a model file says about its model: everything that is needed to use it but the weights.
 * Stored as JSON in a safetensors file's {@code __metadata__}, under {@code resfuse.model} and
 * {@code resfuse.labels}.
 *
 * @param config the network
 * @param preset name of the preprocessing that the model was trained with ({@code torchvision},
 *     {@code keras-caffe}), or null if it is not known
 * @param labels one name per class, or none
 * @param notes anything else for people, such as {@code license} and {@code source}
 */
public record ModelMetadata(
    ResNetConfig config, @Nullable String preset, List<String> labels, Map<String, String> notes) {
  private static final String MODEL = "resfuse.model";
  private static final String LABELS = "resfuse.labels";
  private static final long VERSION = 1;

  /**
   * Copies the collections and checks that there is a label for every class, or none.
   *
   * @param config the network
   * @param preset name of the preprocessing, or null
   * @param labels one name per class, or none
   * @param notes anything else for people
   */
  public ModelMetadata {
    labels = List.copyOf(labels);
    notes = Collections.unmodifiableMap(new TreeMap<>(notes));
    if (!labels.isEmpty() && labels.size() != config.classes()) {
      throw new IllegalArgumentException(
          "a model of "
              + config.classes()
              + " classes needs as many labels or none, got "
              + labels.size());
    }
    for (String key : notes.keySet()) {
      if (key.startsWith("resfuse.")) {
        throw new IllegalArgumentException("a note may not be called '" + key + "'");
      }
    }
  }

  /**
   * Of a network alone.
   *
   * @param config the network
   * @return without preset, labels and notes
   */
  public static ModelMetadata of(ResNetConfig config) {
    return new ModelMetadata(config, null, List.of(), Map.of());
  }

  /**
   * For another network, for example with another number of classes. Labels are kept if they fit.
   *
   * @param other the network
   * @return a changed copy
   */
  public ModelMetadata withConfig(ResNetConfig other) {
    boolean keep = labels.size() == other.classes();
    return new ModelMetadata(other, preset, keep ? labels : List.of(), notes);
  }

  /** As entries of {@code __metadata__}. */
  Map<String, String> toStrings() {
    ResNetVariant variant = config.variant();
    Map<String, @Nullable Object> table = new LinkedHashMap<>();
    table.put("name", variant.name());
    table.put("block", lower(variant.block()));
    table.put("stem", lower(variant.stem()));
    table.put("blocks", variant.blocks());
    table.put("widths", variant.widths());
    table.put("groups", variant.groups());
    table.put("width_per_group", variant.widthPerGroup());
    table.put("residual", variant.residual());
    if (variant.averagedShortcuts()) {
      table.put("averaged_shortcuts", true);
    }
    if (variant.squeezeExcitation()) {
      table.put("squeeze_excitation", true);
    }
    Map<String, @Nullable Object> model = new LinkedHashMap<>();
    model.put("version", VERSION);
    model.put("variant", table);
    model.put("classes", config.classes());
    model.put("input_channels", config.inputChannels());
    model.put("stride_in_first_1x1", config.strideInFirst1x1());
    model.put("conv_bias", config.convBias());
    model.put("epsilon", config.epsilon());
    model.put("momentum", config.momentum());
    model.put("shortcut", lower(config.shortcut()));
    model.put("dilate_stages", config.dilateStages());
    model.put("preset", preset);
    Map<String, String> strings = new LinkedHashMap<>(notes);
    strings.put(MODEL, Json.write(model));
    if (!labels.isEmpty()) {
      strings.put(LABELS, Json.write(Map.of("labels", labels)));
    }
    return strings;
  }

  private static String lower(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  /**
   * Reads what {@link #toStrings} wrote.
   *
   * @return null if the file does not describe a model
   * @throws WeightsException if it does so badly
   */
  static @Nullable ModelMetadata read(TensorFile file) {
    String text = file.metadata().get(MODEL);
    if (text == null) {
      return null;
    }
    try {
      Fields model = new Fields(Json.parseObject(text));
      if (model.integer("version") != VERSION) {
        throw WeightsException.of(
            file.path(),
            "its description has version " + model.integer("version"),
            "this release reads version " + VERSION + ": use a newer one");
      }
      Fields table = model.object("variant");
      ResNetVariant variant =
          new ResNetVariant(
              table.string("name"),
              table.constant("block", ResNetVariant.BlockKind.class),
              table.constant("stem", ResNetVariant.StemKind.class),
              table.list("blocks", Fields::asInt),
              table.list("widths", Fields::asInt),
              table.integer("groups"),
              table.integer("width_per_group"),
              table.bool("residual"),
              table.map.containsKey("averaged_shortcuts") && table.bool("averaged_shortcuts"),
              table.map.containsKey("squeeze_excitation") && table.bool("squeeze_excitation"));
      ResNetConfig config =
          new ResNetConfig(
              variant,
              model.integer("classes"),
              model.integer("input_channels"),
              model.bool("stride_in_first_1x1"),
              model.bool("conv_bias"),
              model.number("epsilon"),
              model.number("momentum"),
              model.constant("shortcut", ResNetConfig.Shortcut.class),
              model.list("dilate_stages", Boolean.class::cast));
      checkSize(variant, config);
      List<String> labels = new ArrayList<>();
      String list = file.metadata().get(LABELS);
      if (list != null) {
        labels = new Fields(Json.parseObject(list)).list("labels", String.class::cast);
      }
      Map<String, String> notes = new LinkedHashMap<>(file.metadata());
      notes.keySet().removeIf(key -> key.startsWith("resfuse."));
      return new ModelMetadata(config, model.optionalString("preset"), labels, notes);
    } catch (IOException | IllegalArgumentException | ClassCastException e) {
      throw new WeightsException(
          file.path()
              + ": its description of the model is damaged ("
              + e.getMessage()
              + "); convert the original weights again",
          e);
    }
  }

  /** Keeps a hostile description from building a network of any size. */
  private static void checkSize(ResNetVariant variant, ResNetConfig config) {
    boolean sane =
        variant.blocks().size() <= 8
            && variant.blocks().stream().allMatch(n -> n >= 1 && n <= 1000)
            && variant.widths().stream().allMatch(n -> n >= 1 && n <= 1 << 14)
            && variant.groups() >= 1
            && variant.groups() <= 1 << 14
            && variant.widthPerGroup() >= 1
            && variant.widthPerGroup() <= 1 << 14
            && config.inputChannels() <= 1 << 14
            && config.classes() <= 1 << 24
            && Double.isFinite(config.epsilon())
            && config.epsilon() >= 0
            && config.momentum() >= 0
            && config.momentum() <= 1;
    if (!sane) {
      throw new IllegalArgumentException("a size is out of range in " + config);
    }
  }

  /** Typed access to a JSON object; what is absent or of another type is named. */
  private record Fields(Map<String, @Nullable Object> map) {
    <T> T get(String name, Class<T> type) {
      Object value = map.get(name);
      if (!type.isInstance(value)) {
        throw new IllegalArgumentException("'" + name + "' is " + value);
      }
      return type.cast(value);
    }

    int integer(String name) {
      return asInt(get(name, Object.class));
    }

    static int asInt(Object value) {
      if (value instanceof Long number && number == (int) (long) number) {
        return (int) (long) number;
      }
      throw new IllegalArgumentException(value + " is not a 32-bit integer");
    }

    double number(String name) {
      return get(name, Number.class).doubleValue();
    }

    boolean bool(String name) {
      return get(name, Boolean.class);
    }

    String string(String name) {
      return get(name, String.class);
    }

    @Nullable String optionalString(String name) {
      return map.get(name) == null ? null : string(name);
    }

    <E extends Enum<E>> E constant(String name, Class<E> type) {
      return Enum.valueOf(type, string(name).toUpperCase(Locale.ROOT));
    }

    Fields object(String name) {
      Map<?, ?> value = get(name, Map.class);
      Map<String, @Nullable Object> typed = new LinkedHashMap<>();
      value.forEach((key, item) -> typed.put((String) key, item));
      return new Fields(typed);
    }

    <T> List<T> list(String name, Function<Object, T> convert) {
      List<T> typed = new ArrayList<>();
      for (Object item : get(name, List.class)) {
        if (item == null) {
          throw new IllegalArgumentException("'" + name + "' has a null");
        }
        typed.add(convert.apply(item));
      }
      return typed;
    }
  }
}
