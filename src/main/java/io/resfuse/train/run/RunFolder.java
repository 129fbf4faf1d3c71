package io.resfuse.train.run;

import io.resfuse.platform.FolderLock;
import io.resfuse.platform.WholeFile;
import io.resfuse.train.TrainingException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The folder of one training: its checkpoints, metrics, trained file and report. While it is open,
 * neither another process nor another thread can open it. What a killed process left half-written
 * is removed.
 */
final class RunFolder implements AutoCloseable {
  private final Path folder;
  private final FolderLock lock;

  private RunFolder(Path folder, FolderLock lock) {
    this.folder = folder;
    this.lock = lock;
  }

  /**
   * Makes the folder if it is missing, and locks it.
   *
   * @throws TrainingException if another training is running in it
   */
  static RunFolder open(Path folder) {
    try {
      Files.createDirectories(folder);
      FolderLock lock = FolderLock.tryAcquire(FolderLock.fileIn(folder));
      if (lock == null) {
        throw new TrainingException(
            folder + ": another training is running there; wait for it, or choose another folder");
      }
      WholeFile.removeLeftovers(folder);
      return new RunFolder(folder, lock);
    } catch (IOException e) {
      throw new UncheckedIOException(folder + " cannot be written: " + e.getMessage(), e);
    }
  }

  Path checkpoints() {
    return folder.resolve("checkpoints");
  }

  Path metrics() {
    return metrics(folder);
  }

  static Path metrics(Path folder) {
    return folder.resolve("metrics.jsonl");
  }

  Path recipe() {
    return folder.resolve("recipe.json");
  }

  /** What was held out of data without a test part. */
  Path split() {
    return folder.resolve("split.csv");
  }

  Path model() {
    return folder.resolve("model.safetensors");
  }

  Path evaluation() {
    return folder.resolve("evaluation.json");
  }

  @Override
  public void close() {
    try {
      lock.close();
    } catch (IOException e) {
      throw new UncheckedIOException(folder + ": the lock cannot be closed", e);
    }
  }

  @Override
  public String toString() {
    return folder.toString();
  }
}
