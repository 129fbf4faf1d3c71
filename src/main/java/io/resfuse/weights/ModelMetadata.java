package io.resfuse.weights;

import io.resfuse.model.NetworkConfig;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.model.SegmentationConfig;
import io.resfuse.model.VggConfig;
import io.resfuse.model.VggVariant;
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
    NetworkConfig config, @Nullable String preset, List<String> labels, Map<String, String> notes) {
  private static final String MODEL = "resfuse.model";
  private static final String LABELS = "resfuse.labels";
  private static final long VERSION = 1;

  /** The family that descriptions of VGGs name; those of ResNets name none. */
  private static final String VGG = "vgg";

  private static final String SEGMENTATION = "segmentation";

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
  public static ModelMetadata of(NetworkConfig config) {
    return new ModelMetadata(config, null, List.of(), Map.of());
  }

  /**
   * For another network, for example with another number of classes. Labels are kept if they fit.
   *
   * @param other the network
   * @return a changed copy
   */
  public ModelMetadata withConfig(NetworkConfig other) {
    boolean keep = labels.size() == other.classes();
    return new ModelMetadata(other, preset, keep ? labels : List.of(), notes);
  }

  /** As entries of {@code __metadata__}. */
  Map<String, String> toStrings() {
    Map<String, @Nullable Object> model = new LinkedHashMap<>();
    model.put("version", VERSION);
    ResNetConfig resNet = null;
    if (config instanceof VggConfig vgg) {
      model.put("family", VGG);
      model.put("variant", table(vgg.variant()));
    } else if (config instanceof SegmentationConfig segmentation) {
      resNet = segmentation.backbone();
      model.put("family", SEGMENTATION);
      model.put("variant", table(resNet.variant()));
      model.put("head", lower(segmentation.head()));
      model.put("auxiliary", segmentation.auxiliary());
      model.put("width", segmentation.width());
      model.put("rates", segmentation.rates());
    } else if (config instanceof ResNetConfig own) {
      resNet = own;
      model.put("variant", table(resNet.variant()));
    }
    model.put("classes", config.classes());
    model.put("input_channels", config.inputChannels());
    if (resNet != null) {
      model.put("stride_in_first_1x1", resNet.strideInFirst1x1());
      model.put("conv_bias", resNet.convBias());
    }
    model.put("epsilon", config.epsilon());
    model.put("momentum", config.momentum());
    if (resNet != null) {
      model.put("shortcut", lower(resNet.shortcut()));
      model.put("dilate_stages", resNet.dilateStages());
    }
    model.put("preset", preset);
    Map<String, String> strings = new LinkedHashMap<>(notes);
    strings.put(MODEL, Json.write(model));
    if (!labels.isEmpty()) {
      strings.put(LABELS, Json.write(Map.of("labels", labels)));
    }
    return strings;
  }

  private static Map<String, @Nullable Object> table(ResNetVariant variant) {
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
    return table;
  }

  private static Map<String, @Nullable Object> table(VggVariant variant) {
    Map<String, @Nullable Object> table = new LinkedHashMap<>();
    table.put("name", variant.name());
    table.put("convolutions", variant.convolutions());
    table.put("widths", variant.widths());
    table.put("batch_norm", variant.batchNorm());
    table.put("hidden", variant.hidden());
    return table;
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
      NetworkConfig config = config(model);
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

  private static NetworkConfig config(Fields model) {
    Fields table = model.object("variant");
    String family = model.optionalString("family");
    NetworkConfig config;
    if (family == null) {
      config = resNet(model, table);
    } else if (family.equals(VGG)) {
      config = vgg(model, table);
    } else if (family.equals(SEGMENTATION)) {
      config = segmentation(model, table);
    } else {
      throw new IllegalArgumentException("'family' is " + family);
    }
    boolean sane =
        config.inputChannels() <= 1 << 14
            && config.classes() <= 1 << 24
            && Double.isFinite(config.epsilon())
            && config.epsilon() >= 0
            && config.momentum() >= 0
            && config.momentum() <= 1;
    if (!sane) {
      throw outOfRange(config);
    }
    return config;
  }

  private static ResNetConfig resNet(Fields model, Fields table) {
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
    boolean sane =
        areSane(variant.blocks(), variant.widths())
            && variant.groups() >= 1
            && variant.groups() <= 1 << 14
            && variant.widthPerGroup() >= 1
            && variant.widthPerGroup() <= 1 << 14;
    if (!sane) {
      throw outOfRange(config);
    }
    return config;
  }

  private static SegmentationConfig segmentation(Fields model, Fields table) {
    SegmentationConfig config =
        new SegmentationConfig(
            model.constant("head", SegmentationConfig.Head.class),
            resNet(model, table).backbone(),
            model.integer("classes"),
            model.bool("auxiliary"),
            model.integer("width"),
            model.list("rates", Fields::asInt));
    boolean sane =
        config.width() <= 1 << 14
            && config.rates().size() <= 16
            && config.rates().stream().allMatch(rate -> rate <= 1 << 14);
    if (!sane) {
      throw outOfRange(config);
    }
    return config;
  }

  private static VggConfig vgg(Fields model, Fields table) {
    VggVariant variant =
        new VggVariant(
            table.string("name"),
            table.list("convolutions", Fields::asInt),
            table.list("widths", Fields::asInt),
            table.bool("batch_norm"),
            table.integer("hidden"));
    VggConfig config =
        new VggConfig(
            variant,
            model.integer("classes"),
            model.integer("input_channels"),
            model.number("epsilon"),
            model.number("momentum"));
    if (!areSane(variant.convolutions(), variant.widths()) || variant.hidden() > 1 << 14) {
      throw outOfRange(config);
    }
    return config;
  }

  /** Keeps a hostile description from building a network of any size. */
  private static boolean areSane(List<Integer> layers, List<Integer> widths) {
    return layers.size() <= 8
        && layers.stream().allMatch(n -> n >= 1 && n <= 1000)
        && widths.stream().allMatch(n -> n >= 1 && n <= 1 << 14);
  }

  private static IllegalArgumentException outOfRange(NetworkConfig config) {
    return new IllegalArgumentException("a size is out of range in " + config);
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
