package io.resfuse.cli;

import io.resfuse.platform.FileNames;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Files that commands write. */
final class OutputFiles {
  private OutputFiles() {}

  /** A file must not take the place of one that it is made of. */
  static void requireOther(Path target, @Nullable Path... sources) {
    for (Path source : sources) {
      boolean same;
      try {
        same = source != null && Files.exists(target) && Files.isSameFile(source, target);
      } catch (IOException e) {
        // What is not there is told when it is read.
        same = false;
      }
      if (same) {
        throw new IllegalArgumentException(
            FileNames.shown(target) + ": is read by this very command; write to another file");
      }
    }
  }

  /** So that nobody waits for a report that cannot be written. */
  static void requireWritable(@Nullable Path file) {
    if (file == null) {
      return;
    }
    Path folder = file.toAbsolutePath().getParent();
    boolean isWritable = folder != null && Files.isDirectory(folder) && Files.isWritable(folder);
    if (!isWritable || Files.isDirectory(file)) {
      throw new IllegalArgumentException(
          FileNames.shown(file)
              + " cannot be written: "
              + (Files.isDirectory(file)
                  ? "it is a folder; name a file in it"
                  : "there is no folder " + FileNames.shown(folder) + " that can be written to"));
    }
  }
}
