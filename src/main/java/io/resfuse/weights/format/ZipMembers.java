package io.resfuse.weights.format;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import org.apache.commons.compress.archivers.zip.ZipArchiveEntry;
import org.apache.commons.compress.archivers.zip.ZipFile;
import org.jspecify.annotations.Nullable;

/**
 * The files in a zip archive, by their names, which are keys and never paths. Stored ones are
 * pieces of the mapped archive; others are inflated when they are asked for. What is compressed
 * beyond reason is refused before that. Thread-safe.
 */
final class ZipMembers {
  private static final long ALWAYS_ALLOWED = 64L << 20;
  private static final long MAX_RATIO = 20;
  private static final int MAX_ENTRIES = 100_000;

  private final MappedFile file;
  private final Path path;
  private final Map<String, Member> members = new HashMap<>();
  private final Map<String, ByteBuffer> contents = new ConcurrentHashMap<>();

  /** A file of the archive: its bytes, or how many there are if they are to be inflated. */
  private record Member(String name, long size, long crc, @Nullable ByteBuffer stored) {}

  private ZipMembers(MappedFile file) {
    this.file = file;
    this.path = file.path();
  }

  /**
   * Reads the table of contents.
   *
   * @throws WeightsException if the archive is damaged, or unpacks to far more than its size
   */
  static ZipMembers of(MappedFile file) {
    ZipMembers members = new ZipMembers(file);
    members.read();
    return members;
  }

  private void read() {
    long inflated = 0;
    try (ZipFile zip = open()) {
      for (ZipArchiveEntry entry : Collections.list(zip.getEntries())) {
        if (entry.isDirectory()) {
          continue;
        }
        String name = entry.getName();
        long size = entry.getSize();
        boolean stored = entry.getMethod() == ZipEntry.STORED;
        if (size < 0 || !(stored || entry.getMethod() == ZipEntry.DEFLATED)) {
          throw WeightsException.of(
              path,
              "its file '" + RestrictedUnpickler.printable(name) + "' is packed in an unusual way",
              "save it again");
        }
        inflated += stored ? 0 : Math.min(size, Long.MAX_VALUE - inflated);
        if (inflated > Math.max(ALWAYS_ALLOWED, MAX_RATIO * file.size())) {
          throw WeightsException.of(
              path,
              "unpacked it would have " + inflated + " bytes and more, far more than weights can",
              "do not trust this file");
        }
        ByteBuffer bytes = stored ? file.slice(entry.getDataOffset(), size) : null;
        Member other = members.put(name, new Member(name, size, entry.getCrc(), bytes));
        if (other != null || members.size() > MAX_ENTRIES) {
          throw WeightsException.corrupt(
              path,
              "it has the file '"
                  + RestrictedUnpickler.printable(name)
                  + "' twice, or too many files");
        }
      }
    } catch (WeightsException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      throw new WeightsException(
          path + ": it is not a complete zip archive (" + reason(e) + "); get it again", e);
    }
  }

  private ZipFile open() throws IOException {
    return ZipFile.builder().setSeekableByteChannel(file.channel()).get();
  }

  Path path() {
    return path;
  }

  Set<String> names() {
    return Collections.unmodifiableSet(members.keySet());
  }

  /** The bytes that a file has when it is unpacked; -1 if there is no such file. */
  long size(String name) {
    Member member = members.get(name);
    return member == null ? -1 : member.size;
  }

  /**
   * The bytes of a file that is there, little-endian; its checksum is verified once.
   *
   * @throws WeightsException if it has more than {@code limit} bytes, or is damaged
   */
  ByteBuffer contents(String name, int limit) {
    Member member = members.get(name);
    if (member.size > limit) {
      throw WeightsException.of(
          path,
          "its file '" + RestrictedUnpickler.printable(name) + "' has " + member.size + " bytes",
          "at most " + limit + " are read");
    }
    return contents
        .computeIfAbsent(name, key -> verified(member))
        .duplicate()
        .order(ByteOrder.LITTLE_ENDIAN);
  }

  private ByteBuffer verified(Member member) {
    ByteBuffer bytes = member.stored == null ? inflate(member) : member.stored;
    CRC32 crc = new CRC32();
    crc.update(bytes.duplicate());
    if (crc.getValue() != member.crc) {
      throw WeightsException.corrupt(
          path, "its file '" + RestrictedUnpickler.printable(member.name) + "' fails its checksum");
    }
    return bytes;
  }

  private ByteBuffer inflate(Member member) {
    try (ZipFile zip = open();
        InputStream in = zip.getInputStream(zip.getEntry(member.name))) {
      byte[] bytes = in.readNBytes((int) member.size);
      if (bytes.length != member.size || in.read() >= 0) {
        throw new IOException("it unpacks to another size than it says");
      }
      return ByteBuffer.wrap(bytes);
    } catch (IOException | RuntimeException e) {
      throw new WeightsException(
          path
              + ": its file '"
              + RestrictedUnpickler.printable(member.name)
              + "' cannot be unpacked ("
              + reason(e)
              + "); get it again",
          e);
    }
  }

  private static String reason(Exception e) {
    String message = e.getMessage();
    return message == null
        ? e.getClass().getSimpleName()
        : RestrictedUnpickler.printable(message.lines().findFirst().orElse(""));
  }
}
