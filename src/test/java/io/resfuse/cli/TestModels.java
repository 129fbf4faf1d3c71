package io.resfuse.cli;

import io.resfuse.model.Initializer;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.ModelMetadata;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Networks that take no time. */
final class TestModels {
  private TestModels() {}

  /** A ResNet-8 with random weights that tells cats, dogs and cups, as tiny.safetensors. */
  static Path tiny(Path folder) {
    return tiny(folder, List.of("cat", "dog", "cup"), Map.of());
  }

  /** The same with other classes and notes. */
  static Path tiny(Path folder, List<String> labels, Map<String, String> notes) {
    ResNetConfig config = ResNetConfig.of(ResNetVariant.cifar(8, true)).withClasses(labels.size());
    Path file = folder.resolve("tiny.safetensors");
    ModelFile.save(
        file,
        new ModelMetadata(config, "cifar", labels, notes),
        Initializer.seeded(1).initialize(config.build()));
    return file;
  }
}
