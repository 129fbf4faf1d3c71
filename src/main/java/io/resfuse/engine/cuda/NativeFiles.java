package io.resfuse.engine.cuda;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * Unpacks native libraries from the jar to a folder that is named after their content, so that
 * versions live side by side and a file that is there is the right one.
 */
final class NativeFiles {
  private NativeFiles() {}

  /** Where to unpack, best first: the user's cache folder, the temporary folder. */
  static List<Path> places() {
    String cache = System.getenv("XDG_CACHE_HOME");
    Path user =
        cache != null && cache.startsWith("/")
            ? Path.of(cache)
            : Path.of(System.getProperty("user.home"), ".cache");
    Path shared =
        Path.of(System.getProperty("java.io.tmpdir"), "resfuse-" + System.getProperty("user.name"));
    return List.of(user.resolve("resfuse"), shared);
  }

  /**
   * Writes {@code content} to {@code place/NAME-HASH/FILE}, unless it is there already. Several
   * processes may do so at once: each writes a file of its own and moves it into place.
   */
  static Path unpack(byte[] content, Path place, String name, String file) throws IOException {
    Path folder = place.resolve(name + "-" + hash(content));
    Path target = folder.resolve(file);
    if (Files.isRegularFile(target) && Arrays.equals(Files.readAllBytes(target), content)) {
      return target;
    }
    Files.createDirectories(folder);
    replace(target, content);
    return target;
  }

  /** Writes a file of its own beside {@code target} and moves it there in one step. */
  static void replace(Path target, byte[] content) throws IOException {
    Path fresh = Files.createTempFile(target.getParent(), target.getFileName() + "", ".part");
    try {
      Files.write(fresh, content);
      try (FileChannel channel = FileChannel.open(fresh, StandardOpenOption.WRITE)) {
        channel.force(true);
      }
      try {
        Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE);
      } catch (AtomicMoveNotSupportedException e) {
        Files.move(fresh, target, StandardCopyOption.REPLACE_EXISTING);
      }
    } finally {
      Files.deleteIfExists(fresh);
    }
  }

  /** The first digits of a text's SHA-256. */
  static String hash(String text) {
    return hash(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String hash(byte[] content) {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(content);
      return HexFormat.of().formatHex(digest, 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
