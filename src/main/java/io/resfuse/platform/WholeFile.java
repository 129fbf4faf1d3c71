package io.resfuse.platform;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/**
 * Writes a file so that others see all of it or nothing: under a temporary name beside the target,
 * synced, then moved over the target. After a failure the target is as before and the temporary
 * file is gone. Several processes may write one file; the last move holds. Stateless and
 * thread-safe.
 */
public final class WholeFile {
  /**
   * How often a move is tried on Windows, where virus scanners and indexers hold fresh files open
   * for moments, and nothing can be moved over an open file.
   */
  private static final int ATTEMPTS_ON_WINDOWS = 10;

  private static final long PAUSE_MILLIS = 50;

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
    Path temporary = folder.resolve("." + real.getFileName() + "." + UUID.randomUUID() + ".tmp");
    try {
      try (FileChannel channel =
          FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        body.writeTo(channel);
        channel.force(true);
      }
      boolean windows = OperatingSystem.current() == OperatingSystem.WINDOWS;
      patiently(
          windows ? ATTEMPTS_ON_WINDOWS : 1,
          () ->
              Files.move(
                  temporary,
                  real,
                  StandardCopyOption.ATOMIC_MOVE,
                  StandardCopyOption.REPLACE_EXISTING));
    } finally {
      Files.deleteIfExists(temporary);
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
}
