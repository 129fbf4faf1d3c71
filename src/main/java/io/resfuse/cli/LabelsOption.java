package io.resfuse.cli;

import io.resfuse.weights.Labels;
import io.resfuse.weights.ModelFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Names for the classes of weights that bring none. */
final class LabelsOption {
  private static final String IMAGENET = "imagenet";
  private static final String VOC = "voc";

  @Option(
      names = "--labels",
      paramLabel = "FILE",
      description =
          "The names of the classes: a text with one per line, 'imagenet' for those of ImageNet's"
              + " 1000, or 'voc' for those of PASCAL VOC's 21 (default: those in the file of"
              + " weights).")
  private @Nullable Path labels;

  /** The file of names; null if there is none. */
  @Nullable Path file() {
    return labels;
  }

  /** The model with these names, or as it is. */
  ModelFile apply(ModelFile file) {
    if (labels == null) {
      return file;
    }
    return file.withLabels(
        isNamed(IMAGENET) ? Labels.imageNet() : isNamed(VOC) ? Labels.voc() : Labels.read(labels));
  }

  private boolean isNamed(String name) {
    return labels != null && labels.toString().equals(name) && !Files.exists(labels);
  }
}
