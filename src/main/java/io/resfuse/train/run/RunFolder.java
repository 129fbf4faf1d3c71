package io.resfuse.train.run;

import io.resfuse.train.TrainingException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The folder of one training: its checkpoints, metrics, trained file and report. While it is open,
 * no other process can open it.
 */
final class RunFolder implements AutoCloseable {
  private final Path folder;
  private final FileChannel lock;

  private RunFolder(Path folder, FileChannel lock) {
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
      FileChannel channel =
          FileChannel.open(
              folder.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      if (!locked(channel)) {
        channel.close();
        throw new TrainingException(
            folder + ": another training is running there; wait for it, or choose another folder");
      }
      return new RunFolder(folder, channel);
    } catch (IOException e) {
      throw new UncheckedIOException(folder + " cannot be written: " + e.getMessage(), e);
    }
  }

  /** Keeps the lock until the channel is closed, or the process ends. */
  private static boolean locked(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      return false;
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
