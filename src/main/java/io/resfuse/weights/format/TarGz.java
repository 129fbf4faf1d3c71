package io.resfuse.weights.format;

import io.resfuse.platform.Uninterrupted;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.function.LongConsumer;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;

/**
 * The files of a gzipped tar archive, mapped. They are unpacked one after the other into a single
 * temporary file whose name is gone before this returns: names in the archive are keys and never
 * paths. Unpacking stops where an archive grows beyond what weights can be compressed by.
 */
public final class TarGz {
  private static final long ALWAYS_ALLOWED = 64L << 20;
  private static final long MAX_RATIO = 20;
  private static final int MAX_ENTRIES = 10_000;

  private final Path path;
  private final Map<String, ByteBuffer> files;

  private TarGz(Path path, Map<String, ByteBuffer> files) {
    this.path = path;
    this.files = Collections.unmodifiableMap(files);
  }

  /** Where a file lies in the temporary file. */
  private record Extent(long offset, long length) {}

  /**
   * Unpacks an archive.
   *
   * @param archive the .tgz
   * @param temporaryFolder where the temporary file goes
   * @param bytesUnpacked told the count so far
   * @return its files
   * @throws WeightsException if it cannot be read, is damaged or grows too large
   */
  public static TarGz unpack(Path archive, Path temporaryFolder, LongConsumer bytesUnpacked) {
    try {
      return Uninterrupted.read(() -> unpackAnew(archive, temporaryFolder, bytesUnpacked));
    } catch (IOException e) {
      throw WeightsException.writing(temporaryFolder, e);
    }
  }

  private static TarGz unpackAnew(Path archive, Path temporaryFolder, LongConsumer bytesUnpacked)
      throws IOException {
    Path name = temporaryFolder.resolve("resfuse-" + UUID.randomUUID() + ".unpacked");
    // Its name is gone at once (on Windows when it is closed), even if the process is killed.
    try (FileChannel spool =
        FileChannel.open(
            name,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.DELETE_ON_CLOSE)) {
      Map<String, ByteBuffer> files = new LinkedHashMap<>();
      for (Map.Entry<String, Extent> each : spool(archive, spool, bytesUnpacked).entrySet()) {
        Extent at = each.getValue();
        files.put(each.getKey(), MappedFile.piece(archive, spool, at.offset, at.length));
      }
      return new TarGz(archive, files);
    }
  }

  private static Map<String, Extent> spool(
      Path archive, WritableByteChannel out, LongConsumer bytesUnpacked) throws IOException {
    Map<String, Extent> extents = new LinkedHashMap<>();
    long written = 0;
    try (InputStream raw = open(archive)) {
      long limit = Math.max(ALWAYS_ALLOWED, MAX_RATIO * Files.size(archive));
      try (TarArchiveInputStream tar =
          new TarArchiveInputStream(new Limited(new GZIPInputStream(raw, 1 << 16), limit))) {
        for (TarArchiveEntry e = tar.getNextEntry(); e != null; e = tar.getNextEntry()) {
          if (!e.isFile() || e.isLink() || e.isSymbolicLink()) {
            continue;
          }
          String name = checkedName(archive, e);
          if (extents.size() >= MAX_ENTRIES || extents.containsKey(name)) {
            throw WeightsException.corrupt(
                archive, "it has more than " + MAX_ENTRIES + " files, or '" + name + "' twice");
          }
          long length = copy(tar, out, limit, written, bytesUnpacked);
          extents.put(name, new Extent(written, length));
          written += length;
        }
      }
    } catch (DiskException e) {
      throw e.cause;
    } catch (ClosedByInterruptException e) {
      throw new WeightsException(archive + ": the thread was interrupted while it was unpacked", e);
    } catch (IOException | RuntimeException e) {
      if (e instanceof WeightsException) {
        throw e;
      }
      throw new WeightsException(
          archive + ": it is not a complete .tgz archive (" + e.getMessage() + "); get it again",
          e);
    }
    return extents;
  }

  private static InputStream open(Path archive) {
    try {
      return Files.newInputStream(archive);
    } catch (IOException e) {
      throw WeightsException.reading(archive, e);
    }
  }

  private static String checkedName(Path archive, TarArchiveEntry entry) {
    String name = entry.getName();
    if (name.startsWith("/") || ("/" + name + "/").contains("/../") || name.contains("\\")) {
      throw WeightsException.of(
          archive,
          "it has a file called '" + name + "', which would lie outside of it",
          "do not trust this archive");
    }
    if (entry.isSparse()) {
      throw WeightsException.of(
          archive, "its file '" + name + "' is sparse", "pack it without sparse files");
    }
    return name;
  }

  /** Tells failures of the temporary file from those of the archive. */
  private static final class DiskException extends RuntimeException {
    final transient IOException cause;

    DiskException(IOException cause) {
      super(cause);
      this.cause = cause;
    }
  }

  private static long copy(
      InputStream in, WritableByteChannel out, long limit, long before, LongConsumer progress)
      throws IOException {
    byte[] chunk = new byte[1 << 16];
    long length = 0;
    for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
      length += n;
      if (before + length > limit) {
        throw new IOException(Limited.message(limit));
      }
      try {
        Channels.newOutputStream(out).write(chunk, 0, n);
      } catch (IOException e) {
        throw new DiskException(e);
      }
      progress.accept(before + length);
    }
    return length;
  }

  /** Ends with an error where more is unpacked than allowed. */
  private static final class Limited extends FilterInputStream {
    private final long limit;
    private long count;

    Limited(InputStream in, long limit) {
      super(in);
      this.limit = limit;
    }

    static String message(long limit) {
      return "unpacked it would exceed " + limit + " bytes, far more than weights can";
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      int n = super.read(bytes, offset, length);
      count += Math.max(n, 0);
      if (count > limit) {
        throw new IOException(message(limit));
      }
      return n;
    }

    @Override
    public long skip(long n) throws IOException {
      byte[] chunk = new byte[(int) Math.max(1, Math.min(n, 8192))];
      return Math.max(0, read(chunk, 0, (int) Math.min(n, chunk.length)));
    }
  }

  Path path() {
    return path;
  }

  /** All files by name: the contents from index 0 to the limit, little-endian, read-only. */
  Map<String, ByteBuffer> files() {
    return files;
  }

  /**
   * The contents of a file.
   *
   * @param name its name in the archive
   * @return its bytes
   * @throws WeightsException if there is none of that name
   */
  public ByteBuffer get(String name) {
    ByteBuffer contents = files.get(name);
    if (contents == null) {
      throw WeightsException.corrupt(path, "it has no file '" + name + "'");
    }
    return contents;
  }
}
