package io.resfuse.train;

import io.resfuse.platform.WholeFile;
import io.resfuse.weights.format.WeightsException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The checkpoints of a training in a folder: the last few by step, and the best. A file is there in
 * full or not at all, so a process may be killed at any moment. One writer at a time.
 */
public final class Checkpoints {
  private static final Pattern BY_STEP = Pattern.compile("step-[0-9]{9,}\\.safetensors");
  private static final String BEST = "best.safetensors";

  private final Path folder;
  private final int keep;

  Checkpoints(Path folder, int keep) {
    this.folder = folder;
    this.keep = keep;
  }

  /**
   * Whether a file of a training's folder is a checkpoint, by its name.
   *
   * @param name of the file alone
   * @return true for those by step and for the best
   */
  public static boolean isCheckpoint(String name) {
    return BY_STEP.matcher(name).matches() || name.equals(BEST);
  }

  /** Makes the folder, and removes what a killed process left unfinished. */
  void prepare() {
    try {
      Files.createDirectories(folder);
      WholeFile.removeLeftovers(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(folder + " cannot be written: " + e.getMessage(), e);
    }
  }

  /** Whether there is any. */
  boolean any() {
    return !files(BY_STEP).isEmpty();
  }

  /** Writes one, then removes those that are too many. */
  Path save(Checkpoint checkpoint) {
    Path file =
        folder.resolve(
            String.format(Locale.ROOT, "step-%09d.safetensors", checkpoint.state().step));
    checkpoint.write(file);
    List<Path> all = files(BY_STEP);
    for (Path old : all.subList(Math.min(keep, all.size()), all.size())) {
      try {
        Files.deleteIfExists(old);
      } catch (IOException e) {
        throw new UncheckedIOException(old + " cannot be removed: " + e.getMessage(), e);
      }
    }
    return file;
  }

  /** Writes one as the best. */
  void saveBest(Checkpoint checkpoint) {
    checkpoint.write(folder.resolve(BEST));
  }

  /** The best, or null if there is none. */
  @Nullable Checkpoint best() {
    Path file = folder.resolve(BEST);
    return Files.exists(file) ? Checkpoint.read(file) : null;
  }

  /**
   * The newest that is whole.
   *
   * @param skipped gets a line for each that is not
   * @return null if there is none
   */
  @Nullable Checkpoint newest(Consumer<String> skipped) {
    for (Path file : files(BY_STEP)) {
      try {
        return Checkpoint.read(file);
      } catch (WeightsException | IllegalArgumentException e) {
        String message = String.valueOf(e.getMessage());
        skipped.accept("skipped a checkpoint: " + message.lines().findFirst().orElse(message));
      }
    }
    return null;
  }

  /** Newest first. */
  private List<Path> files(Pattern name) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> list = Files.list(folder)) {
      return list.filter(file -> name.matcher(file.getFileName().toString()).matches())
          .sorted(Comparator.comparing((Path file) -> file.getFileName().toString()).reversed())
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(folder + " cannot be read: " + e.getMessage(), e);
    }
  }
}
