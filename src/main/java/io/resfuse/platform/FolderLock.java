package io.resfuse.platform;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLockInterruptionException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Keeps all others out while something in a folder is changed: other processes and other threads of
 * this one. It is held by a lock on an empty file, which the system lets go of when a process ends,
 * however it ends. Whoever may write to the folder may take the lock: a file that is made for it
 * can be written by those who can write to its folder.
 */
public final class FolderLock implements AutoCloseable {
  private static final boolean HAS_MODES =
      FileSystems.getDefault().supportedFileAttributeViews().contains("posix");

  /** A lock of the system belongs to the process: these are taken by one of its threads. */
  private static final Set<Path> TAKEN = new HashSet<>();

  private final Path file;
  private final FileChannel channel;

  private FolderLock(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /**
   * The lock of a folder as a whole.
   *
   * @param folder any
   * @return the file to take as a lock
   */
  public static Path fileIn(Path folder) {
    return folder.resolve(".lock");
  }

  /**
   * Takes a lock, and waits until it can be had.
   *
   * @param file in an existing folder; made if it is not there yet, and never removed
   * @return the lock, to be closed
   * @throws InterruptedIOException if the thread is interrupted; it stays so
   * @throws IOException if there can be no lock, for example because the folder cannot be written
   */
  public static FolderLock acquire(Path file) throws IOException {
    Path real = real(file);
    synchronized (TAKEN) {
      while (!TAKEN.add(real)) {
        try {
          TAKEN.wait();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw interrupted(file, e);
        }
      }
    }
    return locked(real, true);
  }

  /**
   * Takes a lock if nobody has it.
   *
   * @param file as above
   * @return the lock, to be closed; null if somebody else has it
   * @throws IOException as above
   */
  public static @Nullable FolderLock tryAcquire(Path file) throws IOException {
    Path real = real(file);
    synchronized (TAKEN) {
      if (!TAKEN.add(real)) {
        return null;
      }
    }
    return locked(real, false);
  }

  /** One path for one file. */
  private static Path real(Path file) throws IOException {
    return file.toAbsolutePath().getParent().toRealPath().resolve(file.getFileName());
  }

  /** What no other thread has, it lets go of if it is not to be had. */
  private static @Nullable FolderLock locked(Path file, boolean patient) throws IOException {
    FileChannel channel = null;
    boolean done = false;
    try {
      channel = open(file);
      // A whole path is a lock only while it leads to the file that is locked.
      while ((patient ? channel.lock() : channel.tryLock()) != null) {
        if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
          done = true;
          return new FolderLock(file, channel);
        }
        channel.close();
        channel = open(file);
      }
      return null;
    } catch (ClosedByInterruptException | FileLockInterruptionException e) {
      Thread.currentThread().interrupt();
      throw interrupted(file, e);
    } finally {
      if (!done) {
        try {
          if (channel != null) {
            channel.close();
          }
        } finally {
          forget(file);
        }
      }
    }
  }

  private static InterruptedIOException interrupted(Path file, Exception cause) {
    InterruptedIOException clear =
        new InterruptedIOException("interrupted while waiting for the lock " + file);
    clear.initCause(cause);
    return clear;
  }

  private static void forget(Path file) {
    synchronized (TAKEN) {
      TAKEN.remove(file);
      TAKEN.notifyAll();
    }
  }

  /** Not created where it is there: Linux refuses that for others' files in folders like /tmp. */
  private static FileChannel open(Path file) throws IOException {
    try {
      return FileChannel.open(file, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
    } catch (NoSuchFileException e) {
      // It is made now.
    }
    try {
      FileChannel made =
          FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
      shareAsFolder(file);
      return made;
    } catch (FileAlreadyExistsException e) {
      return FileChannel.open(file, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
    }
  }

  /** Lets those write to a new, empty file who may write to its folder. */
  private static void shareAsFolder(Path file) {
    if (!HAS_MODES) {
      return;
    }
    try {
      PosixFileAttributes folder =
          Files.readAttributes(file.getParent(), PosixFileAttributes.class);
      PosixFileAttributeView view =
          Files.getFileAttributeView(file, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
      PosixFileAttributes own = view.readAttributes();
      Set<PosixFilePermission> modes = EnumSet.copyOf(own.permissions());
      if (folder.permissions().contains(PosixFilePermission.OTHERS_WRITE)) {
        modes.add(PosixFilePermission.OTHERS_READ);
        modes.add(PosixFilePermission.OTHERS_WRITE);
      }
      if (folder.permissions().contains(PosixFilePermission.GROUP_WRITE)) {
        if (!own.group().equals(folder.group())) {
          view.setGroup(folder.group());
        }
        modes.add(PosixFilePermission.GROUP_READ);
        modes.add(PosixFilePermission.GROUP_WRITE);
      }
      if (!modes.equals(own.permissions())) {
        view.setPermissions(modes);
      }
    } catch (IOException e) {
      // Then it is this user's alone: others are told that they may not write it.
    }
  }

  /** What is locked. */
  Path file() {
    return file;
  }

  @Override
  public String toString() {
    return file.toString();
  }

  /** Lets go of it. Idempotent. */
  @Override
  public void close() throws IOException {
    if (channel.isOpen()) {
      try {
        channel.close();
      } finally {
        forget(file);
      }
    }
  }
}
