package io.resfuse.platform;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * Unpacks native libraries from the jar to a folder that is named after their content, so that
 * versions live side by side and a file that is there is the right one.
 */
public final class NativeFiles {
  private NativeFiles() {}

  /**
   * Where to unpack.
   *
   * @return best first: the user's cache folder, the temporary folder
   */
  public static List<Path> places() {
    return List.of(UserFolders.cache(), UserFolders.ownTemporary());
  }

  /**
   * Writes {@code content} to {@code place/NAME-HASH/FILE}, unless it is there already. Several
   * processes may do so at once: each writes a file of its own and moves it into place.
   *
   * @param content of the file
   * @param place one of {@link #places}
   * @param name of the folder, before the hash
   * @param file its name
   * @return where it lies
   * @throws IOException if it cannot be written there
   */
  public static Path unpack(byte[] content, Path place, String name, String file)
      throws IOException {
    Path folder = place.resolve(name + "-" + hash(content));
    Path target = folder.resolve(file);
    if (Files.isRegularFile(target) && Arrays.equals(Files.readAllBytes(target), content)) {
      return target;
    }
    Files.createDirectories(folder);
    WholeFile.write(target, content);
    return target;
  }

  /**
   * What tells a text from others.
   *
   * @param text any
   * @return the first digits of its SHA-256
   */
  public static String hash(String text) {
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
