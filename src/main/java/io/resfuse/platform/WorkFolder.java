package io.resfuse.platform;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.UserPrincipal;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A folder for work in progress, for this user only, which is deleted when it is closed. A process
 * that is killed leaves it; whoever makes the next one removes it: as long as its process lives, a
 * lock in it is held.
 */
public final class WorkFolder implements AutoCloseable {
  private final Path folder;
  private final FolderLock lock;

  private WorkFolder(Path folder, FolderLock lock) {
    this.folder = folder;
    this.lock = lock;
  }

  /**
   * Makes one, and removes those of the same kind that this user's dead processes left.
   *
   * @param parent an existing folder
   * @param prefix how the names of this kind begin
   * @return a new folder, empty but for its lock
   * @throws IOException if it cannot be made
   */
  public static WorkFolder in(Path parent, String prefix) throws IOException {
    WorkFolder made = null;
    while (made == null) {
      made = attempt(Files.createTempDirectory(parent, prefix));
    }
    boolean done = false;
    try {
      made.removeDead(parent, prefix);
      done = true;
      return made;
    } finally {
      if (!done) {
        made.close();
      }
    }
  }

  /** Null where somebody has taken it for a dead process's before it was locked. */
  private static @Nullable WorkFolder attempt(Path folder) throws IOException {
    try {
      FolderLock lock = FolderLock.tryAcquire(FolderLock.fileIn(folder));
      return lock == null ? null : new WorkFolder(folder, lock);
    } catch (NoSuchFileException e) {
      return null;
    }
  }

  private void removeDead(Path parent, String prefix) throws IOException {
    UserPrincipal user = Files.getOwner(folder);
    List<Path> all;
    try (Stream<Path> children = Files.list(parent)) {
      all = children.filter(child -> child.getFileName().toString().startsWith(prefix)).toList();
    }
    for (Path other : all) {
      if (!other.getFileName().equals(folder.getFileName())) {
        removeIfDead(other, user);
      }
    }
  }

  private static void removeIfDead(Path other, UserPrincipal user) {
    try {
      if (!Files.isDirectory(other, LinkOption.NOFOLLOW_LINKS)
          || !Files.getOwner(other, LinkOption.NOFOLLOW_LINKS).equals(user)) {
        return;
      }
      try (FolderLock dead = FolderLock.tryAcquire(FolderLock.fileIn(other))) {
        if (dead != null) {
          deleteTree(other);
        }
      }
    } catch (IOException e) {
      // Somebody else removes it, or nobody can.
    }
  }

  /** Deletes a folder with all that is in it; links are deleted, not followed. */
  static void deleteTree(Path tree) throws IOException {
    Files.walkFileTree(
        tree,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes any) throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path each, @Nullable IOException problem)
              throws IOException {
            if (problem != null) {
              throw problem;
            }
            Files.deleteIfExists(each);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  /**
   * Where to work.
   *
   * @return its path
   */
  public Path path() {
    return folder;
  }

  @Override
  public String toString() {
    return folder.toString();
  }

  /** Deletes it with all that is in it. */
  @Override
  public void close() throws IOException {
    try (lock) {
      deleteTree(folder);
    }
  }
}
