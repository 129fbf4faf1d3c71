package io.resfuse.weights.format;

import java.nio.file.Path;

/** Weight files that are in no file. */
public final class InMemory {
  private InMemory() {}

  /** Opens bytes as {@link TensorFile#open} opens a file that has them. */
  public static TensorFile open(Path name, byte[] content) {
    return FormatDetector.read(MappedFile.of(name, content));
  }
}
