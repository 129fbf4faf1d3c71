package io.resfuse.weights;

import io.resfuse.platform.UserFolders;
import io.resfuse.weights.format.WeightsException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;

/** A folder for fetched models: the user's is {@link UserFolders#cache}. */
final class Cache {
  /** A file lock belongs to the process; this one keeps its threads apart. */
  private static final ReentrantLock THREADS = new ReentrantLock();

  private static final String WORK = ".work-";

  private final Path folder;

  Cache(Path folder) {
    this.folder = folder.toAbsolutePath();
  }

  static Cache ofUser() {
    return new Cache(UserFolders.cache());
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
