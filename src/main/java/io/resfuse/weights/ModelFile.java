package io.resfuse.weights;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Quantization;
import io.resfuse.model.Initializer;
import io.resfuse.model.NetworkConfig;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.SegmentationConfig;
import io.resfuse.platform.Printable;
import io.resfuse.tensor.HostTensor;
import io.resfuse.weights.format.OnnxGraph;
import io.resfuse.weights.format.OnnxWriter;
import io.resfuse.weights.format.SafetensorsWriter;
import io.resfuse.weights.format.TensorFile;
import io.resfuse.weights.format.WeightsException;
import io.resfuse.weights.onnx.OnnxExport;
import io.resfuse.weights.onnx.OnnxNetwork;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A model from a weight file: the network, its parameters, and what else is known of it. Files that
 * {@link #save} wrote describe themselves; of others the variant is found by names and shapes, or
 * the caller gives the configuration.
 *
 * <p>The parameters are read-only views of the mapped file where it has them as float32 in our
 * order, and heap copies else; a caller that wants to change them takes {@link #copyParameters}.
 * Immutable otherwise; there is nothing to close.
 */
public final class ModelFile {
  private static final Logger log = LoggerFactory.getLogger(ModelFile.class);

  private final TensorFile file;
  private final ModelMetadata metadata;
  private final NetworkSpec network;
  private final Parameters parameters;
  private final LoadReport report;

  private ModelFile(
      TensorFile file,
      ModelMetadata metadata,
      NetworkSpec network,
      Parameters parameters,
      LoadReport report) {
    this.file = file;
    this.metadata = metadata;
    this.network = network;
    this.parameters = parameters;
    this.report = report;
  }

  /**
   * Opens a model file as it describes itself, or as its names and shapes say.
   *
   * @param path a weight file of any format
   * @return the model
   * @throws WeightsException if it cannot be read, if parameters are missing, unexpected, misshapen
   *     or not finite, or if its network cannot be told
   */
  public static ModelFile open(Path path) {
    return open(TensorFile.open(path));
  }

  /**
   * How pictures are prepared for a network of which nothing else is known: those made for small
   * images take {@code cifar}, the others {@code torchvision}, in grey for one input channel and
   * with alpha for four.
   *
   * @param config the network
   * @return the name of a preset of {@code Preprocessing}
   */
  public static String preset(NetworkConfig config) {
    String name = config.isForSmallImages() ? "cifar" : "torchvision";
    String preset = name + colours(config.inputChannels());
    boolean isLarge = config instanceof SegmentationConfig && !config.isForSmallImages();
    return isLarge ? preset + "@%1$d:%1$d".formatted(config.imageSize()) : preset;
  }

  /** What the names of presets have behind the data set's. */
  static String colours(int inputChannels) {
    return switch (inputChannels) {
      case 1 -> "-grey";
      case 4 -> "-rgba";
      default -> "";
    };
  }

  /**
   * How pictures are prepared: as the file states, or else as {@link #preset(NetworkConfig)}
   * guesses by the network, which is logged.
   *
   * @return the name of a preset of {@code Preprocessing}
   */
  public String preset() {
    String stated = metadata.preset();
    if (stated != null) {
      return stated;
    }
    String guess = preset(config());
    log.info(
        "the file does not say how pictures are prepared; by its network this is taken for {}",
        guess);
    return guess;
  }

  /**
   * Opens a model from a file that is already open, as it describes itself, or as its names and
   * shapes say.
   *
   * @param file of any format
   * @return the model
   * @throws WeightsException as {@link #open(Path)}
   */
  public static ModelFile open(TensorFile file) {
    return load(file, LoadOptions.STRICT, null);
  }

  /**
   * Opens a weight file as a given network, whatever it says itself. A configuration without a head
   * takes the weights of one with a head.
   *
   * @param path a weight file of any format
   * @param config the network
   * @return the model
   * @throws WeightsException if it cannot be read, or if parameters are missing, unexpected,
   *     misshapen or not finite; its lines list which
   */
  public static ModelFile open(Path path, NetworkConfig config) {
    return open(TensorFile.open(path), config);
  }

  /**
   * Opens a given network from a file that is already open.
   *
   * @param file of any format
   * @param config the network
   * @return the model
   * @throws WeightsException as {@link #open(Path, NetworkConfig)}
   */
  public static ModelFile open(TensorFile file, NetworkConfig config) {
    return load(file, LoadOptions.STRICT.withNetwork(config), null);
  }

  /**
   * Opens a model with options.
   *
   * @param file of any format
   * @param options which network, and how strictly
   * @return the model
   * @throws WeightsException as {@link #open(Path, NetworkConfig)}
   */
  public static ModelFile open(TensorFile file, LoadOptions options) {
    return load(file, options, null);
  }

  /**
   * Opens what fits of a weight file, for example for a new head or other image channels:
   * parameters that are missing or misshapen in it keep their initial values, and tensors that fit
   * nothing are left out. {@link #report} says which.
   *
   * @param path a weight file of any format
   * @param config the network
   * @param initializer gives the initial values
   * @return the model
   * @throws WeightsException if it cannot be read, if a parameter that fits is not finite, or if
   *     none fits
   */
  public static ModelFile openLenient(Path path, NetworkConfig config, Initializer initializer) {
    return load(TensorFile.open(path), LoadOptions.STRICT.withNetwork(config), initializer);
  }

  private static ModelFile load(
      TensorFile file, LoadOptions options, @Nullable Initializer initializer) {
    List<String> notes = new ArrayList<>();
    ModelMetadata stated = stated(file, options.network());
    if (stated != null && QuantizedFile.is(file)) {
      return loadQuantized(file, stated, initializer != null);
    }
    OnnxNetwork graph = null;
    Quantization quantization = null;
    if (file.graph() != null) {
      graph = OnnxNetwork.match(file.graph(), stated == null ? options.network() : stated.config());
      quantization = graph.quantization();
      refuseIf(quantization != null && initializer != null, file);
      notes.addAll(graph.notes());
    }
    NameMapping mapping = NameMapping.of(graph == null ? file : graph.tensors(), options.prefix());
    ModelMetadata metadata =
        stated == null ? metadata(file, mapping, graph, options.network(), notes) : stated;
    NetworkConfig config = metadata.config();
    NetworkSpec network;
    try {
      network = config.build();
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new WeightsException(
          file.path()
              + ": the network that it describes cannot be built ("
              + e.getMessage()
              + "); give another NetworkConfig",
          e);
    }
    LoadReport report = mapping.compare(config, notes);
    checkFits(mapping, network, config, report, options.lenient(), initializer != null);
    Map<String, HostTensor> tensors =
        initializer == null
            ? new LinkedHashMap<>()
            : new LinkedHashMap<>(initializer.initialize(network, report.withoutValue()::contains));
    Map<String, HostTensor> loaded = new LinkedHashMap<>();
    for (ParameterSpec parameter : network.parameters().values()) {
      if (!tensors.containsKey(parameter.name())) {
        HostTensor tensor = mapping.tensor(parameter.name()).load();
        loaded.put(parameter.name(), HostTensor.of(parameter.shape(), tensor.buffer()));
      }
    }
    FiniteCheck.require(file.path().toString(), loaded);
    tensors.putAll(loaded);
    boolean askedFor = initializer != null || (options.network() != null && config.classes() == 0);
    if (!report.withoutPlace().isEmpty() && !askedFor) {
      log.warn("{}: left out: {}", file.path(), report.withoutPlace());
    }
    Parameters parameters = new Parameters(network, tensors);
    return new ModelFile(
        file,
        metadata,
        network,
        quantization == null ? parameters : parameters.withQuantization(quantization),
        report);
  }

  private static void refuseIf(boolean trainsIntegers, TensorFile file) {
    if (trainsIntegers) {
      throw WeightsException.of(
          file.path(), "its weights are quantised", "train with the original weights");
    }
  }

  private static ModelFile loadQuantized(
      TensorFile file, ModelMetadata metadata, boolean initialized) {
    refuseIf(initialized, file);
    NetworkSpec network = metadata.config().build();
    Parameters parameters = QuantizedFile.read(file, network);
    LoadReport report =
        new LoadReport(
            List.of(), List.of(), List.of(), List.of(), List.of(QuantizedFile.describe(file)));
    return new ModelFile(file, metadata, network, parameters, report);
  }

  /** What the file says of its model, as the network asked for if one was; null if nothing. */
  private static @Nullable ModelMetadata stated(TensorFile file, @Nullable NetworkConfig wanted) {
    ModelMetadata stated = ModelMetadata.read(file);
    return stated == null || wanted == null ? stated : stated.withConfig(wanted);
  }

  /** What the names, the shapes and the folder of a file say that does not describe itself. */
  private static ModelMetadata metadata(
      TensorFile file,
      NameMapping mapping,
      @Nullable OnnxNetwork graph,
      @Nullable NetworkConfig wanted,
      List<String> notes) {
    ModelFolder folder = mapping.scheme().isKeras() ? null : ModelFolder.beside(file.path(), notes);
    NetworkConfig config = wanted == null && graph != null ? graph.config() : wanted;
    if (config == null) {
      config = VariantGuess.guess(mapping, notes);
      config = folder == null ? config : folder.apply(config);
    }
    return folder == null
        ? ModelMetadata.of(config)
        : new ModelMetadata(
            config,
            folder.preset(config.inputChannels()),
            folder.labels(config.classes()),
            Map.of());
  }

  private static void checkFits(
      NameMapping mapping,
      NetworkSpec network,
      NetworkConfig config,
      LoadReport report,
      boolean leaveOut,
      boolean initialized) {
    boolean onlyHeadLeft =
        config.classes() == 0 && mapping.heads().containsAll(report.unexpected());
    boolean fits =
        initialized
            ? report.withoutValue().size() < network.parameters().size()
            : report.isComplete() && (report.unexpected().isEmpty() || onlyHeadLeft || leaveOut);
    if (!fits) {
      throw new WeightsException(
          mapping.file().path()
              + ": its tensors do not fit "
              + network.name()
              + " ("
              + report.summary()
              + "); "
              + (report.isComplete() && !initialized
                  ? "if the network does not need them, leave them out: --lenient"
                  : "name the network that it was made with: --network NAME")
              + report.toString().substring(report.summary().length()));
    }
  }

  /**
   * Writes a model so that {@link #open(Path)} needs nothing else, atomically.
   *
   * @param target a safetensors file, replaced if it exists; its folder must exist
   * @param metadata the network, its preprocessing, labels, notes
   * @param parameters of {@code metadata.config().build()}
   * @throws WeightsException if a parameter is not finite, or the file cannot be written; nothing
   *     is left behind then
   * @throws IllegalArgumentException if the parameters are not those of the network
   */
  public static void save(Path target, ModelMetadata metadata, Parameters parameters) {
    save(target, metadata, parameters, written -> {});
  }

  static void save(
      Path target, ModelMetadata metadata, Parameters parameters, LongConsumer bytesWritten) {
    NetworkSpec network = metadata.config().build();
    Parameters checked = new Parameters(network, parameters.asMap());
    FiniteCheck.require(target + " was not written", checked.asMap());
    SafetensorsWriter.write(
        target, stored(metadata.config(), network, checked), metadata.toStrings(), bytesWritten);
  }

  /** In the shapes that files have. */
  private static Map<String, HostTensor> stored(
      NetworkConfig config, NetworkSpec network, Parameters parameters) {
    Map<String, HostTensor> stored = new LinkedHashMap<>();
    for (ParameterSpec parameter : network.parameters().values()) {
      HostTensor tensor = parameters.get(parameter);
      stored.put(parameter.name(), HostTensor.of(config.storedShape(parameter), tensor.buffer()));
    }
    return stored;
  }

  /**
   * Writes a quantised model so that {@link #open(Path)} needs nothing else, atomically. What is
   * opened has {@link Parameters#quantization}; its tensors are the integers times their scales.
   *
   * @param target a safetensors file, replaced if it exists; its folder must exist
   * @param metadata the network, its preprocessing, labels, notes
   * @param parameters of {@code metadata.config().build()}, with a quantisation
   * @param how the quantisation was found, for people: kept as JSON
   * @throws WeightsException if the file cannot be written
   * @throws IllegalArgumentException if the parameters are not those of the network
   */
  public static void saveQuantized(
      Path target, ModelMetadata metadata, Parameters parameters, Map<String, Object> how) {
    NetworkSpec network = metadata.config().build();
    Parameters checked = new Parameters(network, parameters.asMap());
    QuantizedFile.write(
        target, metadata, network, checked, parameters.requireQuantization(network), how);
  }

  /**
   * Writes a model as ONNX (opset 17), atomically. What {@link #save} keeps as metadata is kept
   * here, too, so that {@link #open(Path)} needs nothing else.
   *
   * @param target an ONNX file, replaced if it exists; its folder must exist. Above 2 GB the
   *     weights are in a second file beside it, {@code NAME.data}
   * @param metadata the network, its preprocessing, labels, notes
   * @param parameters of {@code metadata.config().build()}; with a quantisation, weights are stored
   *     as their integers, and the graph rounds activations as engines in int8 do
   * @param fold whether batch norms become part of their convolutions, which those of integer
   *     weights always are; else they are kept
   * @throws WeightsException if a parameter is not finite, or the file cannot be written
   * @throws IllegalArgumentException if the parameters are not those of the network
   */
  public static void saveOnnx(
      Path target, ModelMetadata metadata, Parameters parameters, boolean fold) {
    saveOnnx(target, metadata, parameters, fold, false);
  }

  /**
   * Writes a model as ONNX, of integers in the form that ONNX Runtime is fastest with, if wanted.
   *
   * @param target as above
   * @param metadata as above
   * @param parameters as above
   * @param fold as above
   * @param roundBeforeAdd with a quantisation, whether what a convolution gives is stored as
   *     integers before a residual is added, which our engines do not do: ONNX Runtime then
   *     computes all convolutions and additions with integers
   * @throws WeightsException if a parameter is not finite, or the file cannot be written
   * @throws IllegalArgumentException if the parameters are not those of the network
   */
  public static void saveOnnx(
      Path target,
      ModelMetadata metadata,
      Parameters parameters,
      boolean fold,
      boolean roundBeforeAdd) {
    NetworkSpec network = metadata.config().build();
    Quantization quantization = parameters.quantization();
    Parameters checked = new Parameters(network, parameters.asMap());
    FiniteCheck.require(target + " was not written", checked.asMap());
    checked = quantization == null ? checked : checked.withQuantization(quantization);
    OnnxGraph graph = OnnxExport.graph(network, checked, fold, roundBeforeAdd);
    FiniteCheck.require(target + " was not written", graph.weights());
    OnnxWriter.write(target, graph, metadata.toStrings());
  }

  /**
   * The file that it was read from.
   *
   * @return its tensors under the file's names, its format and path
   */
  public TensorFile file() {
    return file;
  }

  /**
   * How its weights were quantised, for {@link #saveQuantized}.
   *
   * @return as the file says, empty if it does not
   */
  public Map<String, Object> quantizedHow() {
    return QuantizedFile.is(file) ? QuantizedFile.how(file) : Map.of();
  }

  /**
   * What is known of the model.
   *
   * @return configuration, preset, labels and notes
   */
  public ModelMetadata metadata() {
    return metadata;
  }

  /**
   * The network's configuration.
   *
   * @return that of {@link #metadata}
   */
  public NetworkConfig config() {
    return metadata.config();
  }

  /**
   * The network.
   *
   * @return {@code config().build()}
   */
  public NetworkSpec network() {
    return network;
  }

  /**
   * The same model with names for its classes.
   *
   * @param labels one name per class
   * @return a changed copy, which shares the parameters
   * @throws WeightsException if there are not as many names as classes
   */
  public ModelFile withLabels(List<String> labels) {
    if (labels.size() != config().classes()) {
      throw WeightsException.of(
          file.path(),
          "it has "
              + (config().classes() == 0 ? "no head" : config().classes() + " classes")
              + ", but there are "
              + labels.size()
              + " labels",
          "give one name for each class");
    }
    ModelMetadata labelled =
        new ModelMetadata(config(), metadata.preset(), labels, metadata.notes());
    return new ModelFile(file, labelled, network, parameters, report);
  }

  /**
   * Refuses a network that does not give each pixel a class, for those who want that.
   *
   * @throws WeightsException that says what it is instead
   */
  public void requireMaps() {
    if (!(config() instanceof SegmentationConfig)) {
      throw WeightsException.of(
          file.path(),
          "the " + network.name() + " in it gives no class to each pixel",
          "give a network such as fcn_resnet50 or deeplabv3_resnet50"
              + (config().classes() > 0
                  ? ", or see what it says of pictures ('resfuse classify')"
                  : ""));
    }
  }

  /**
   * Refuses a network without a head that gives a picture its class, for those who want that.
   *
   * @throws WeightsException that names the tensors that were left out
   */
  public void requireHead() {
    if (config() instanceof SegmentationConfig) {
      throw WeightsException.of(
          file.path(),
          "the " + network.name() + " in it gives each pixel a class, not the picture",
          "see what it finds ('resfuse segment'), or take its features ('resfuse features')");
    }
    if (config().classes() == 0) {
      String without = report.withoutPlace();
      throw WeightsException.of(
          file.path(),
          "the "
              + network.name()
              + " in it has no head that gives classes"
              + (without.isEmpty()
                  ? ""
                  : ": " + without + " are not one linear layer behind its last stage"),
          "take its features ('resfuse features'), or give weights with one linear layer as head");
    }
  }

  /**
   * The parameters, which may be read-only: writing to their tensors may throw {@link
   * java.nio.ReadOnlyBufferException}.
   *
   * @return one finite tensor per parameter of {@link #network}, shared
   */
  public Parameters parameters() {
    return parameters;
  }

  /**
   * The parameters as writable copies on the heap.
   *
   * @return new tensors
   */
  public Parameters copyParameters() {
    Map<String, HostTensor> copies = new LinkedHashMap<>();
    parameters.asMap().forEach((name, tensor) -> copies.put(name, tensor.copy()));
    return new Parameters(network, copies);
  }

  /**
   * How the file fitted the network.
   *
   * @return what was missing, unexpected or misshapen (after a strict load nothing but a head that
   *     was not asked for), what was left out, and what was assumed
   */
  public LoadReport report() {
    return report;
  }

  /**
   * One line for people: what the file is, what it fits, what is missing and what was left out.
   *
   * @return for example {@code PyTorch (zip), 122 tensors: resnet18 with 10 classes; every
   *     parameter has its tensor, 1 left out (criterion.weight)}
   */
  public String summary() {
    String without = report.withoutPlace();
    return file.format().title()
        + ", "
        + file.tensors().size()
        + " tensors: "
        + network.name()
        + (config().classes() == 0 ? " without a head" : " with " + config().classes() + " classes")
        + "; "
        + report.summary()
        + (without.isEmpty() ? "" : " (" + without + ")");
  }

  /**
   * A few lines for people: format, network, what differs from the variant's defaults, labels.
   *
   * @return lines without a line break at the end
   */
  public String describe() {
    NetworkConfig config = config();
    long trainable =
        network.parameters().values().stream()
            .filter(ParameterSpec::isTrainable)
            .mapToLong(p -> p.shape().elements())
            .sum();
    StringBuilder text = new StringBuilder();
    text.append("format         ").append(file.format().title());
    text.append("\nnetwork        ").append(Printable.of(network.name()));
    text.append(String.format("%nparameters     %,d trainable", trainable));
    text.append("\nclasses        ").append(config.classes() == 0 ? "no head" : config.classes());
    text.append("\ninput channels ").append(config.inputChannels()).append(fed());
    if (config instanceof ResNetConfig resNet) {
      text.append("\nstride         ")
          .append(resNet.strideInFirst1x1() ? "in the first 1x1 (v1)" : "in the 3x3 (v1.5)");
      text.append("\nconv biases    ").append(resNet.convBias() ? "yes" : "no");
    }
    if (config instanceof SegmentationConfig segmentation) {
      text.append("\nauxiliary head ").append(segmentation.auxiliary() ? "yes" : "no");
    }
    text.append("\nepsilon        ").append(config.epsilon());
    if (config instanceof ResNetConfig resNet && resNet.dilateStages().contains(true)) {
      text.append("\ndilated stages ").append(resNet.dilateStages());
    }
    text.append("\npreprocessing  ")
        .append(metadata.preset() == null ? "not stated" : Printable.of(metadata.preset()));
    text.append("\nlabels         ")
        .append(metadata.labels().isEmpty() ? "none" : metadata.labels().size());
    metadata
        .notes()
        .forEach(
            (key, note) ->
                text.append(String.format("%n%-14s %s", Printable.of(key), Printable.of(note))));
    if (!report.withoutPlace().isEmpty()) {
      text.append("\nleft out       ").append(report.withoutPlace());
    }
    report.notes().forEach(note -> text.append("\nnote           ").append(Printable.of(note)));
    return text.toString();
  }

  /** What pictures are fed as, where it is not red, green and blue. */
  private String fed() {
    return switch (config().inputChannels()) {
      case 1 -> " (pictures are fed in grey)";
      case 3 -> "";
      case 4 -> " (pictures are fed as red, green, blue and alpha)";
      default -> " (no picture has as many)";
    };
  }

  @Override
  public String toString() {
    return file.path() + ": " + network.name() + " from " + file.format().title();
  }
}
