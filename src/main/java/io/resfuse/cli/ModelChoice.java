package io.resfuse.cli;

import io.resfuse.model.NetworkConfig;
import io.resfuse.platform.FileNames;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.PretrainedModel;
import io.resfuse.weights.format.WeightsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Which model a command uses. */
final class ModelChoice {
  private static final String NONE = "none";

  @Option(
      names = "--weights",
      paramLabel = "FILE|NAME",
      description =
          "The weights: a file (safetensors, PyTorch .pth, Keras, ONNX, TensorFlow.js model.json), a"
              + " folder with one, or a model that 'resfuse weights fetch' knows, fetched on first use (default:"
              + " ${DEFAULT-VALUE}).")
  private String weights;

  @Option(
      names = "--network",
      paramLabel = "NETWORK",
      description =
          "The network whose weights a file has, where the file does not say so: resnet50, ...")
  private String network;

  @Mixin private LoadChoice load;

  @Mixin private NetworkOptions options;

  /** With the ImageNet ResNet-50 unless another is asked for. */
  ModelChoice() {
    this(PretrainedModel.RESNET50_IMAGENET.name());
  }

  private ModelChoice(String weights) {
    this.weights = weights;
  }

  /** One that must be asked for. */
  static ModelChoice withoutDefault() {
    return new ModelChoice(NONE);
  }

  /** The file that is asked for; null for a model by its name. */
  @Nullable Path file() {
    return isKnown(weights) ? null : FileNames.path(weights);
  }

  ModelFile open() {
    if (weights.equals(NONE) && !Files.exists(FileNames.path(weights))) {
      throw new IllegalArgumentException("which network? give its weights: --weights FILE");
    }
    if (isKnown(weights)) {
      checkNothingElseIsAsked();
      return open(weights);
    }
    List<String> given = options.given();
    if (network == null && !given.isEmpty()) {
      throw new IllegalArgumentException(
          String.join(", ", given)
              + " says how a network differs from what its name says; give its name, too, with"
              + " --network");
    }
    return load.open(FileNames.path(weights), options.configure(network));
  }

  /** A model by its name is the network that it is. */
  private void checkNothingElseIsAsked() {
    String has = PretrainedModel.of(weights).config().name();
    List<String> asked = new ArrayList<>(options.given());
    if (network != null && !NetworkConfig.of(network).name().equals(has)) {
      asked.add(0, "--network " + network);
    }
    if (!asked.isEmpty()) {
      throw new IllegalArgumentException(
          String.join(", ", asked)
              + ": the weights are those of the model "
              + weights
              + ", a "
              + has
              + "; name a file with others with --weights, or leave that out");
    }
  }

  /** The same for commands without the options that say how a file is read. */
  static ModelFile openWithoutOptions(String fileOrName) {
    try {
      return open(fileOrName);
    } catch (WeightsException e) {
      throw e.getMessage().contains("--")
          ? new WeightsException(
              e.getMessage()
                  + "\n  (those are options of 'resfuse weights convert': what it writes needs"
                  + " none)",
              e)
          : e;
    }
  }

  /** A file, or a model that can be fetched, by its name. */
  private static ModelFile open(String fileOrName) {
    if (isKnown(fileOrName)) {
      try (Progress progress = new Progress(fileOrName)) {
        return PretrainedModel.of(fileOrName).open(progress::bytes);
      }
    }
    return ModelFile.open(FileNames.path(fileOrName));
  }

  private static boolean isKnown(String name) {
    return !Files.exists(FileNames.path(name))
        && PretrainedModel.all().stream().anyMatch(model -> model.name().equals(name));
  }
}
