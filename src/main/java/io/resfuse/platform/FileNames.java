package io.resfuse.platform;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Paths and what they are called. On Unix a name is bytes, which need be no text, and which Java
 * can turn into text and back only as far as the user's locale has them; the JDK's own way around
 * that is a path's URI, which has the bytes. Stateless and thread-safe.
 */
public final class FileNames {
  private static final char REPLACEMENT = '\uFFFD';
  private static final String SCHEME = "file:///";

  private FileNames() {}

  /**
   * A path as text, for people and for results.
   *
   * @param path any
   * @return its bytes read as UTF-8 whatever the locale is, what is not UTF-8 replaced by U+FFFD
   */
  public static String text(Path path) {
    String text = path.toString();
    if (text.indexOf(REPLACEMENT) < 0) {
      return text;
    }
    return path.isAbsolute() ? "/" + decoded(raw(path)) : decoded(raw(path));
  }

  /**
   * A path in a message.
   *
   * @param path any
   * @return {@link #text} without control characters
   */
  public static String shown(Path path) {
    return Printable.of(text(path));
  }

  /**
   * A path as text from which {@link #in} makes the same path again, wherever it is read.
   *
   * @param path any
   * @return its absolute path, or its URI where that is no text
   */
  public static String lasting(Path path) {
    Path absolute = path.toAbsolutePath();
    String text = text(absolute);
    return text.indexOf(REPLACEMENT) < 0 ? text : absolute.toUri().toString();
  }

  /**
   * The path that a user has named.
   *
   * @param text as the command line or a recipe has it; where characters were lost on the way, the
   *     one file or folder that is called so
   * @return the path, which need not exist
   * @throws IllegalArgumentException if no file can be called so, or the name was lost
   */
  public static Path path(String text) {
    return in(Path.of(""), text);
  }

  /**
   * A path that is given as text, from a folder.
   *
   * @param folder where relative ones begin
   * @param text a path, or a URI that begins with {@code file:///}
   * @return the path, which need not exist
   * @throws IllegalArgumentException if no file can be called so, or the name was lost
   */
  public static Path in(Path folder, String text) {
    if (text.indexOf('\0') >= 0) {
      throw new IllegalArgumentException(
          "'" + Printable.of(text) + "': no file can be called so, it has a NUL character");
    }
    if (text.startsWith(SCHEME)) {
      try {
        return Path.of(URI.create(text));
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(
            "'" + Printable.of(text) + "': is no URI of a file; write its path", e);
      }
    }
    Path path;
    try {
      path = folder.resolve(text);
    } catch (InvalidPathException e) {
      path = encoded(folder, text, e);
    }
    if (text.indexOf(REPLACEMENT) < 0 || Files.exists(path)) {
      return path;
    }
    Path found = found(folder, text);
    if (found == null) {
      throw new IllegalArgumentException(
          Printable.of(text)
              + ": characters of this name were lost on the way here, and not exactly one file shows"
              + " as it; set LC_ALL=C.UTF-8, or name the folder that it is in");
    }
    return found;
  }

  /** A path whose bytes are a text's in UTF-8, which the locale does not have. */
  private static Path encoded(Path folder, String text, InvalidPathException reason) {
    if (OperatingSystem.current() == OperatingSystem.WINDOWS) {
      throw new IllegalArgumentException(
          "'" + Printable.of(text) + "': no file can be called so: " + reason.getReason(), reason);
    }
    StringBuilder raw = new StringBuilder();
    for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
      raw.append(b == '/' ? "/" : "%%%02X".formatted(b & 0xff));
    }
    return folder.resolve(ofRaw(raw.toString()));
  }

  /** The path that shows as a text with replacements; null if there is none, or several. */
  private static @Nullable Path found(Path folder, String text) {
    Path at = text.startsWith("/") ? Path.of("/") : folder;
    for (String name : text.split("/", -1)) {
      if (name.isEmpty()) {
        continue;
      }
      if (name.indexOf(REPLACEMENT) < 0) {
        at = in(at, name);
        continue;
      }
      try (Stream<Path> entries = Files.list(at.toAbsolutePath())) {
        List<Path> same =
            entries.filter(entry -> entry.getFileName().toString().equals(name)).toList();
        if (same.size() != 1) {
          return null;
        }
        at = at.resolve(same.get(0).getFileName());
      } catch (IOException e) {
        return null;
      }
    }
    return at;
  }

  /**
   * The bytes of a path as text: a URI's escapes, slashes between names. What is done to such a
   * text in ASCII is done to the bytes.
   *
   * @param path any; a leading slash is left out
   * @return the text for {@link #ofRaw}
   */
  public static String raw(Path path) {
    Path root = root(path);
    String all = root.resolve(path).toUri().getRawPath();
    String raw = all.substring(root.toUri().getRawPath().length());
    return raw.endsWith("/") ? raw.substring(0, raw.length() - 1) : raw;
  }

  /**
   * The path of such bytes.
   *
   * @param raw of {@link #raw}, changed or not
   * @return relative unless the text begins with a slash
   */
  public static Path ofRaw(String raw) {
    Path root = root(Path.of(""));
    boolean absolute = raw.startsWith("/");
    Path path =
        Path.of(
            URI.create(
                "file://" + root.toUri().getRawPath() + (absolute ? raw.substring(1) : raw)));
    return absolute ? path : root.relativize(path);
  }

  private static Path root(Path path) {
    return path.toAbsolutePath().getRoot();
  }

  private static String decoded(String raw) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int i = 0; i < raw.length(); i++) {
      if (raw.charAt(i) == '%') {
        bytes.write(Integer.parseInt(raw.substring(i + 1, i + 3), 16));
        i += 2;
      } else {
        bytes.write(raw.charAt(i));
      }
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
