package io.resfuse.weights;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/**
 * Writes a file so that others see all of it or nothing: under a temporary name beside the target,
 * synced, then moved over the target. After a failure the target is as before and the temporary
 * file is gone. Stateless and thread-safe.
 */
public final class AtomicFile {
  private AtomicFile() {}

  /** Writes the contents. */
  @FunctionalInterface
  interface Body {
    void writeTo(WritableByteChannel channel) throws IOException;
  }

  /** Puts something between the writer and the file; tests make it fail. */
  @FunctionalInterface
  interface Wrapper {
    WritableByteChannel wrap(FileChannel channel);
  }

  static void write(Path target, Body body) {
    write(target, body, channel -> channel);
  }

  /**
   * Writes a text.
   *
   * @param target replaced if it exists; its folder must exist
   * @param text written as UTF-8
   * @throws WeightsException if it cannot be written; nothing is left behind then
   */
  public static void write(Path target, String text) {
    write(target, text.getBytes(StandardCharsets.UTF_8));
  }

  static void write(Path target, byte[] contents) {
    ByteBuffer bytes = ByteBuffer.wrap(contents);
    write(
        target,
        channel -> {
          while (bytes.hasRemaining()) {
            channel.write(bytes);
          }
        });
  }

  static void write(Path target, Body body, Wrapper wrapper) {
    try {
      Path real = Files.exists(target) ? target.toRealPath() : target.toAbsolutePath();
      if (Files.isDirectory(real)) {
        throw WeightsException.of(target, "it is a folder", "name a file in it");
      }
      Path folder = real.getParent();
      Path temporary = folder.resolve("." + real.getFileName() + "." + UUID.randomUUID() + ".tmp");
      try {
        try (FileChannel channel =
            FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
          body.writeTo(wrapper.wrap(channel));
          channel.force(true);
        }
        Files.move(
            temporary, real, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      } finally {
        Files.deleteIfExists(temporary);
      }
      syncFolder(folder);
    } catch (IOException e) {
      throw WeightsException.writing(target, e);
    }
  }

  /** Makes the move itself durable; not every file system lets a folder be opened. */
  private static void syncFolder(Path folder) {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException ignored) {
      // The contents are synced; only the rename could be lost in a power cut.
    }
  }
}
