package io.resfuse.weights.format;

import io.resfuse.platform.OperatingSystem;
import io.resfuse.platform.Uninterrupted;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * A file mapped for reading, of any size, handed out in pieces of less than 2 GiB. A file that fits
 * one piece is mapped at once; of a larger one each piece is mapped when it is asked for. Mappings
 * go when the last buffer is unreachable. Where the system would let nobody replace or delete the
 * file until then, it is read instead.
 */
final class MappedFile {
  /** Of arrays and buffers in Java. */
  private static final int LARGEST_PIECE = Integer.MAX_VALUE - 8;

  private final Path path;
  private final long size;
  private final boolean map;
  private final @Nullable ByteBuffer whole;

  private MappedFile(Path path, long size, boolean map, @Nullable ByteBuffer whole) {
    this.path = path;
    this.size = size;
    this.map = map;
    this.whole = whole;
  }

  static MappedFile open(Path path) {
    return open(path, OperatingSystem.current().letsGoOfMappedFiles());
  }

  /** Opens a file. {@code map}: whether it is mapped; else it is read. */
  static MappedFile open(Path path, boolean map) {
    if (Files.isDirectory(path)) {
      throw WeightsException.of(path, "it is a folder", "name a file");
    }
    try {
      return Uninterrupted.read(
          () -> {
            try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
              long size = channel.size();
              ByteBuffer whole = size <= LARGEST_PIECE ? piece(channel, map, 0, size) : null;
              return new MappedFile(path, size, map, whole);
            }
          });
    } catch (IOException e) {
      throw WeightsException.reading(path, e);
    }
  }

  /** What is in memory already. */
  static MappedFile of(Path name, byte[] content) {
    return of(name, ByteBuffer.wrap(content));
  }

  /** What is in memory, or mapped, already. */
  static MappedFile of(Path name, ByteBuffer content) {
    return new MappedFile(name, content.remaining(), false, content.slice().asReadOnlyBuffer());
  }

  /**
   * A piece of an open file, which may have lost its name; read-only and little-endian.
   *
   * @throws WeightsException if it exceeds 2 GiB
   */
  static ByteBuffer piece(Path name, FileChannel channel, long offset, long length)
      throws IOException {
    checkLength(name, length);
    return piece(channel, OperatingSystem.current().letsGoOfMappedFiles(), offset, length)
        .order(ByteOrder.LITTLE_ENDIAN);
  }

  private static void checkLength(Path path, long length) {
    if (length > LARGEST_PIECE) {
      throw WeightsException.of(
          path, "it has a tensor of " + length + " bytes", "tensors must be smaller than 2 GiB");
    }
  }

  Path path() {
    return path;
  }

  long size() {
    return size;
  }

  /** The file as a channel. */
  SeekableByteChannel channel() throws IOException {
    return whole != null
        ? new BufferChannel(whole)
        : FileChannel.open(path, StandardOpenOption.READ);
  }

  /**
   * A piece, read-only and little-endian.
   *
   * @throws WeightsException if it is not within the file or exceeds 2 GiB
   */
  ByteBuffer slice(long offset, long length) {
    if (offset < 0 || length < 0 || offset > size - length) {
      throw WeightsException.corrupt(
          path,
          "it has " + size + " bytes, but says that " + length + " bytes are at byte " + offset);
    }
    checkLength(path, length);
    ByteBuffer piece;
    if (whole != null) {
      piece = whole.slice((int) offset, (int) length);
    } else {
      try {
        piece =
            Uninterrupted.read(
                () -> {
                  try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
                    return piece(channel, map, offset, length);
                  }
                });
      } catch (IOException e) {
        throw WeightsException.reading(path, e);
      }
    }
    return piece.order(ByteOrder.LITTLE_ENDIAN);
  }

  private static ByteBuffer piece(FileChannel channel, boolean map, long offset, long length)
      throws IOException {
    if (map) {
      return channel.map(MapMode.READ_ONLY, offset, length);
    }
    ByteBuffer bytes = ByteBuffer.allocateDirect((int) length);
    while (bytes.hasRemaining()) {
      if (channel.read(bytes, offset + bytes.position()) < 0) {
        throw new EOFException("the file became shorter while it was read");
      }
    }
    return bytes.flip().asReadOnlyBuffer();
  }

  /**
   * The bytes that a number of elements takes, checked to lie within the file after an offset.
   *
   * @throws WeightsException if they do not
   */
  long checkedBytes(long elements, int bytesPerElement, long offset) {
    if (elements < 0 || elements > (size - offset) / bytesPerElement) {
      throw WeightsException.corrupt(
          path,
          "it has "
              + size
              + " bytes, but says that "
              + elements
              + " elements are at byte "
              + offset);
    }
    return elements * bytesPerElement;
  }
}
