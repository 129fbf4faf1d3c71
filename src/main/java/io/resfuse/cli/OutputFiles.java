package io.resfuse.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Files that commands write. */
final class OutputFiles {
  private OutputFiles() {}

  /** So that nobody waits for a report that cannot be written. */
  static void requireWritable(@Nullable Path file) {
    if (file == null) {
      return;
    }
    Path folder = file.toAbsolutePath().getParent();
    boolean isWritable = folder != null && Files.isDirectory(folder) && Files.isWritable(folder);
    if (!isWritable || Files.isDirectory(file)) {
      throw new IllegalArgumentException(
          file
              + " cannot be written: "
              + (Files.isDirectory(file)
                  ? "it is a folder; name a file in it"
                  : "there is no folder " + folder + " that can be written to"));
    }
  }
}
