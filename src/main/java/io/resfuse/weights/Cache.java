package io.resfuse.weights;

import io.resfuse.platform.FolderLock;
import io.resfuse.platform.UserFolders;
import io.resfuse.platform.WorkFolder;
import io.resfuse.weights.format.WeightsException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A folder for fetched models: the user's is {@link UserFolders#cache}. */
final class Cache {
  private static final Logger log = LoggerFactory.getLogger(Cache.class);
  private static final String WORK = ".work-";

  private final Path folder;

  Cache(Path folder) {
    this.folder = folder.toAbsolutePath();
  }

  /**
   * The user's own.
   *
   * @param name of the file that is wanted
   * @throws WeightsException if it lies in the temporary folder and somebody else could change it
   */
  static Cache ofUser(String name) {
    try {
      return new Cache(UserFolders.trusted(UserFolders.cacheFor(name)));
    } catch (IOException e) {
      throw new WeightsException(
          "there is no folder for fetched weights: "
              + (e.getMessage() == null ? e.toString() : e.getMessage()),
          e);
    }
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
   * Runs something that fills the cache while nobody else does so, with a temporary folder in the
   * cache that is deleted afterwards. Where this user may write to the folder but not take the lock
   * that another has made, it runs at once: files are written whole, so all that may happen is that
   * something is made twice.
   */
  <T> T exclusively(Work<T> work) {
    try {
      Files.createDirectories(folder);
      try (FolderLock lock = lock();
          WorkFolder workFolder = WorkFolder.in(folder, WORK)) {
        log.debug("{} works in {}", lock, workFolder);
        return work.in(workFolder.path());
      }
    } catch (InterruptedIOException e) {
      throw new WeightsException(folder + ": " + e.getMessage(), e);
    } catch (IOException e) {
      WeightsException clear = WeightsException.writing(folder, e);
      if (WeightsException.isInterruption(e)) {
        throw clear;
      }
      throw new WeightsException(
          clear.getMessage() + " (RESFUSE_CACHE can name another cache folder)", e);
    }
  }

  private @Nullable FolderLock lock() throws IOException {
    try {
      return FolderLock.acquire(FolderLock.fileIn(folder));
    } catch (FileSystemException e) {
      if (!Files.isWritable(folder)) {
        throw e;
      }
      log.debug("going without a lock: {}", e.toString());
      return null;
    }
  }
}
