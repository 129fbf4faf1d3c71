package io.resfuse.platform;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes unpacked libraries, of other versions usually, that nobody has used for a quarter of a
 * year. The time of a folder's lock says when it was last used, to the day. Whoever removes a
 * folder holds its lock, and whoever renews that time does, too: so none goes that is about to be
 * loaded.
 */
final class UnusedNatives {
  /** After which a library counts as unused. */
  static final Duration UNUSED = Duration.ofDays(90);

  private static final Logger log = LoggerFactory.getLogger(UnusedNatives.class);
  private static final Duration PRECISION = Duration.ofDays(1);

  private static final Pattern FOLDER = Pattern.compile(".+-[0-9a-f]{8}");

  /** In the cache folder itself, as former versions had them: without locks. */
  private static final Pattern FORMER = Pattern.compile("(resfuse-cpu|softcuda)-[0-9a-f]{16}");

  private UnusedNatives() {}

  /** Of the folder of a library. */
  static Path lock(Path library) {
    return FolderLock.fileIn(library.getParent());
  }

  /** Whether a library's last use is known well enough. */
  static boolean isMarked(Path library) throws IOException {
    Path lock = lock(library);
    return Files.exists(lock) && !isOlder(Files.getLastModifiedTime(lock), PRECISION);
  }

  /** Notes that a library is used now. */
  static void mark(FolderLock held) throws IOException {
    Files.setLastModifiedTime(held.file(), FileTime.from(Instant.now()));
  }

  /**
   * Removes what is unused, as far as that can be done.
   *
   * @param root the folder of all libraries, in the cache folder
   */
  static void remove(Path root) {
    removeAll(root, FOLDER, true);
    removeAll(root.toAbsolutePath().getParent(), FORMER, false);
  }

  private static void removeAll(Path parent, Pattern names, boolean haveLocks) {
    try (DirectoryStream<Path> folders =
        Files.newDirectoryStream(
            parent, each -> names.matcher(each.getFileName().toString()).matches())) {
      for (Path folder : folders) {
        removeIfUnused(folder, haveLocks);
      }
    } catch (IOException | DirectoryIteratorException e) {
      log.debug("unused libraries stay in {}: {}", parent, e.toString());
    }
  }

  private static void removeIfUnused(Path folder, boolean hasLock) {
    try {
      if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS) || !isUnused(folder, hasLock)) {
        return;
      }
      if (!hasLock) {
        WorkFolder.deleteTree(folder);
        return;
      }
      try (FolderLock lock = FolderLock.tryAcquire(FolderLock.fileIn(folder))) {
        if (lock != null && isUnused(folder, true)) {
          WorkFolder.deleteTree(folder);
        }
      }
    } catch (IOException e) {
      log.debug("an unused library stays in {}: {}", folder, e.toString());
    }
  }

  /** By its lock; else by when any of its files was last read, as far as the system notes that. */
  private static boolean isUnused(Path folder, boolean hasLock) throws IOException {
    if (hasLock) {
      Path lock = FolderLock.fileIn(folder);
      return Files.exists(lock) && isOlder(Files.getLastModifiedTime(lock), UNUSED);
    }
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        BasicFileAttributes attributes =
            Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        if (!isOlder(attributes.lastAccessTime(), UNUSED)
            || !isOlder(attributes.lastModifiedTime(), UNUSED)) {
          return false;
        }
      }
    }
    return true;
  }

  private static boolean isOlder(FileTime time, Duration age) {
    return time.toInstant().plus(age).isBefore(Instant.now());
  }
}
