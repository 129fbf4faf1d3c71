package io.resfuse.platform;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Writes a file so that others see all of it or nothing: under a temporary name beside the target,
 * synced, then moved over the target. After a failure the target is as before and the temporary
 * file is gone. Several processes may write one file; the last move holds.
 *
 * <p>A process that is killed leaves its temporary file. The next that writes to the folder removes
 * it: while its process lives, a temporary file is locked. Thread-safe.
 */
public final class WholeFile {
  /**
   * How often a move is tried on Windows, where virus scanners and indexers hold fresh files open
   * for moments, and nothing can be moved over an open file.
   */
  private static final int ATTEMPTS_ON_WINDOWS = 10;

  private static final long PAUSE_MILLIS = 50;

  private static final Pattern TEMPORARY =
      Pattern.compile("\\..+\\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\\.tmp");

  /** How many folders are remembered to have been looked through. */
  private static final int REMEMBERED = 64;

  /** Temporary files of this process: to open and close one of them would free its lock. */
  private static final Set<Path> OWN = ConcurrentHashMap.newKeySet();

  private static final Map<Path, Boolean> LOOKED_THROUGH =
      new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Path, Boolean> eldest) {
          return size() > REMEMBERED;
        }
      };

  private WholeFile() {}

  /** Writes the contents. */
  @FunctionalInterface
  public interface Body {
    /**
     * Writes all of them.
     *
     * @param channel of the temporary file, which is empty; what is written need not be in order
     * @throws IOException if they cannot be written
     */
    void writeTo(SeekableByteChannel channel) throws IOException;
  }

  /** What may fail for a moment. */
  @FunctionalInterface
  interface Move {
    void run() throws IOException;
  }

  /**
   * Writes a file.
   *
   * @param target replaced if it exists, and what it points to if it is a link; its folder must
   *     exist
   * @param body writes the contents
   * @throws IOException if it cannot be written; nothing is left behind then
   */
  public static void write(Path target, Body body) throws IOException {
    Path real = Files.exists(target) ? target.toRealPath() : target.toAbsolutePath();
    Path folder = real.getParent();
    removeLeftoversOnce(folder);
    boolean windows = OperatingSystem.current() == OperatingSystem.WINDOWS;
    Temporary temporary = Temporary.beside(real);
    try (temporary) {
      body.writeTo(temporary.channel);
      temporary.channel.force(true);
      if (windows) {
        temporary.channel.close();
      }
      patiently(
          windows ? ATTEMPTS_ON_WINDOWS : 1,
          () ->
              Files.move(
                  temporary.file,
                  real,
                  StandardCopyOption.ATOMIC_MOVE,
                  StandardCopyOption.REPLACE_EXISTING));
    } catch (ClosedByInterruptException e) {
      InterruptedIOException clear = new InterruptedIOException("interrupted while writing");
      clear.initCause(e);
      throw clear;
    }
    syncFolder(folder);
  }

  /**
   * Writes a file.
   *
   * @param target as above
   * @param contents of the file
   * @throws IOException as above
   */
  public static void write(Path target, byte[] contents) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(contents);
    write(
        target,
        channel -> {
          while (bytes.hasRemaining()) {
            channel.write(bytes);
          }
        });
  }

  static void patiently(int attempts, Move move) throws IOException {
    for (int attempt = 1; ; attempt++) {
      try {
        move.run();
        return;
      } catch (FileSystemException e) {
        if (attempt >= attempts) {
          throw e;
        }
      }
      try {
        Thread.sleep(PAUSE_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted while moving a file into place");
      }
    }
  }

  /** Makes the move itself durable; not every file system lets a folder be opened. */
  private static void syncFolder(Path folder) {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException ignored) {
      // The contents are synced; only the move could be lost in a power cut.
    }
  }

  /**
   * Removes the temporary files of processes that were killed in a folder. {@link #write} does so
   * where it is first used in a folder.
   *
   * @param folder in which files were written
   * @throws IOException if the folder cannot be listed
   */
  public static void removeLeftovers(Path folder) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder.toRealPath(), ".*.tmp")) {
      for (Path file : files) {
        if (TEMPORARY.matcher(file.getFileName().toString()).matches() && !OWN.contains(file)) {
          removeIfDead(file);
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
  }

  private static void removeLeftoversOnce(Path folder) {
    synchronized (LOOKED_THROUGH) {
      if (LOOKED_THROUGH.put(folder, true) != null) {
        return;
      }
    }
    try {
      removeLeftovers(folder);
    } catch (IOException ignored) {
      // A folder may be written by those who may not list it.
    }
  }

  private static void removeIfDead(Path file) {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS)) {
      if (channel.tryLock() != null) {
        Files.deleteIfExists(file);
      }
    } catch (IOException | OverlappingFileLockException ignored) {
      // Somebody else's, or gone.
    }
  }

  /** A locked file under a name that no other process has. */
  private static final class Temporary implements AutoCloseable {
    private final Path file;
    private final FileChannel channel;

    private Temporary(Path file, FileChannel channel) {
      this.file = file;
      this.channel = channel;
    }

    static Temporary beside(Path target) throws IOException {
      while (true) {
        Path file =
            target.resolveSibling(
                FileNames.ofRaw(
                    "." + FileNames.raw(target.getFileName()) + "." + UUID.randomUUID() + ".tmp"));
        OWN.add(file);
        Temporary made = null;
        boolean done = false;
        try {
          made =
              new Temporary(
                  file,
                  FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
          done = made.isLocked();
          if (done) {
            return made;
          }
        } finally {
          if (!done) {
            close(made, file);
          }
        }
      }
    }

    /** Not if another process has found it before it was locked, and removes it. */
    private boolean isLocked() throws IOException {
      try {
        return channel.tryLock() != null && Files.exists(file);
      } catch (ClosedChannelException e) {
        throw e;
      } catch (IOException e) {
        return true; // a file system without locks: nobody else can lock it either
      }
    }

    private static void close(@Nullable Temporary made, Path file) throws IOException {
      if (made == null) {
        OWN.remove(file);
      } else {
        made.close();
      }
    }

    @Override
    public void close() throws IOException {
      try (channel) {
        Files.deleteIfExists(file);
      } finally {
        OWN.remove(file);
      }
    }
  }
}
