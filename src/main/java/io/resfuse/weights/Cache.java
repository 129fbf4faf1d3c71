package io.resfuse.weights;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;

/**
 * The user's folder for fetched models: {@code $RESFUSE_CACHE}, else {@code
 * $XDG_CACHE_HOME/resfuse}, else {@code ~/.cache/resfuse}.
 */
final class Cache {
  /** A file lock belongs to the process; this one keeps its threads apart. */
  private static final ReentrantLock THREADS = new ReentrantLock();

  private static final String WORK = ".work-";

  private final Path folder;

  Cache(Path folder) {
    this.folder = folder.toAbsolutePath();
  }

  static Cache ofUser() {
    return of(System.getenv(), System.getProperty("user.home"));
  }

  static Cache of(Map<String, String> environment, String home) {
    String own = environment.getOrDefault("RESFUSE_CACHE", "");
    if (!own.isEmpty()) {
      return new Cache(Path.of(own));
    }
    // The XDG specification says that relative paths are to be ignored.
    String xdg = environment.getOrDefault("XDG_CACHE_HOME", "");
    return new Cache(
        xdg.startsWith("/") ? Path.of(xdg, "resfuse") : Path.of(home, ".cache", "resfuse"));
  }

  Path folder() {
    return folder;
  }

  Path file(String name) {
    return folder.resolve(name);
  }

  /** What is done while no other process or thread does so. */
  @FunctionalInterface
  interface Work<T> {
    T in(Path workFolder) throws IOException;
  }

  /**
   * Runs something that fills the cache under a lock that holds for all processes of all users of
   * the folder, with a temporary folder in the cache that is deleted afterwards.
   */
  <T> T exclusively(Work<T> work) {
    THREADS.lock();
    try {
      Files.createDirectories(folder);
      try (FileChannel channel =
          FileChannel.open(
              folder.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
        channel.lock(); // until the channel is closed
        removeLeftovers();
        Path workFolder = Files.createTempDirectory(folder, WORK);
        try {
          return work.in(workFolder);
        } finally {
          delete(workFolder);
        }
      }
    } catch (IOException e) {
      WeightsException clear = WeightsException.writing(folder, e);
      throw new WeightsException(
          clear.getMessage() + " (RESFUSE_CACHE can name another cache folder)", e);
    } finally {
      THREADS.unlock();
    }
  }

  /** Of processes that were killed. */
  private void removeLeftovers() throws IOException {
    try (Stream<Path> children = Files.list(folder)) {
      for (Path child : children.toList()) {
        if (child.getFileName().toString().startsWith(WORK)) {
          delete(child);
        }
      }
    }
  }

  private static void delete(Path tree) throws IOException {
    if (Files.isDirectory(tree, LinkOption.NOFOLLOW_LINKS)) {
      try (Stream<Path> children = Files.list(tree)) {
        for (Path child : children.toList()) {
          delete(child);
        }
      }
    }
    Files.deleteIfExists(tree);
  }
}
