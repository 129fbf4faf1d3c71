package io.resfuse.cli;

import io.resfuse.model.ResNetConfig;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.PretrainedModel;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Which model a command uses. */
final class ModelChoice {
  @Option(
      names = "--weights",
      paramLabel = "FILE|NAME",
      description =
          "A file (safetensors, PyTorch .pth, Keras .h5, TensorFlow.js model.json), or a model that"
              + " 'resfuse weights fetch' knows, fetched on first use (default: ${DEFAULT-VALUE}).")
  private String weights = PretrainedModel.RESNET50_IMAGENET.name();

  @Option(
      names = "--network",
      description = "Whose weights a file has, where it does not say so itself: resnet50, ...")
  private String network;

  @Mixin private NetworkOptions options;

  ModelFile open() {
    Path file = Path.of(weights);
    if (!Files.exists(file) && isKnown()) {
      try (Progress progress = new Progress(weights)) {
        return PretrainedModel.of(weights).open(progress::bytes);
      }
    }
    if (network != null) {
      return ModelFile.open(file, options.apply(ResNetConfig.of(network)));
    }
    return ModelFile.open(file);
  }

  private boolean isKnown() {
    return PretrainedModel.all().stream().anyMatch(model -> model.name().equals(weights));
  }
}
