package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.tensor.Shape;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;

/**
 * A file of MNIST's IDX format with unsigned bytes, gzipped or not: two zeros, the type 8, the
 * number of dimensions, each dimension as a big-endian int, the elements.
 */
final class IdxFile {
  private static final int UNSIGNED_BYTE = 8;
  private static final int GZIP_FIRST = 0x1f;
  private static final int GZIP_SECOND = 0x8b;

  /** The dimensions. */
  final Shape shape;

  /** Row-major. */
  final byte[] elements;

  private IdxFile(Shape shape, byte[] elements) {
    this.shape = shape;
    this.elements = elements;
  }

  static IdxFile read(Path file, int rank) {
    try (InputStream stream = Files.newInputStream(file)) {
      return read(file.toString(), stream, rank);
    } catch (NoSuchFileException e) {
      throw new DataException(file + ": no such file", e);
    } catch (EOFException e) {
      throw new DataException(file + ": truncated; fetch it again", e);
    } catch (IOException e) {
      throw new DataException(file + ": cannot be read: " + e.getMessage(), e);
    }
  }

  static IdxFile read(String file, InputStream raw, int rank) throws IOException {
    InputStream plain = new BufferedInputStream(raw, 1 << 16);
    plain.mark(2);
    boolean gzip = plain.read() == GZIP_FIRST && plain.read() == GZIP_SECOND;
    plain.reset();
    InputStream stream = gzip ? new GZIPInputStream(plain, 1 << 16) : plain;
    int magic = readInt(stream);
    if (magic != (UNSIGNED_BYTE << 8 | rank)) {
      throw new DataException(
          "%s: starts with 0x%08x; an IDX file of bytes with %d dimensions (0x%08x) was expected"
              .formatted(file, magic, rank, UNSIGNED_BYTE << 8 | rank));
    }
    int[] dimensions = new int[rank];
    long elements = 1;
    for (int i = 0; i < rank; i++) {
      dimensions[i] = readInt(stream);
      if (dimensions[i] < 1 || elements * dimensions[i] > Integer.MAX_VALUE - 16) {
        throw new DataException(
            "%s: its header says dimension %d is %d".formatted(file, i, dimensions[i]));
      }
      elements *= dimensions[i];
    }
    long heap = Runtime.getRuntime().maxMemory();
    if (elements > heap / 2) {
      throw new DataException(
          "%s: its header says %d MiB, the heap has %d; raise it with -Xmx"
              .formatted(file, elements >> 20, heap >> 20));
    }
    // Grows with what is there, so that a lying header costs nothing.
    byte[] contents = stream.readNBytes((int) elements);
    if (contents.length < elements) {
      throw new EOFException();
    }
    if (stream.read() >= 0) {
      throw new DataException(
          file + ": goes on after the " + elements + " elements that its header announces");
    }
    return new IdxFile(Shape.of(dimensions), contents);
  }

  private static int readInt(InputStream stream) throws IOException {
    byte[] bytes = stream.readNBytes(4);
    if (bytes.length < 4) {
      throw new EOFException();
    }
    return ByteBuffer.wrap(bytes).getInt();
  }
}
