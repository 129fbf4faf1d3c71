package io.resfuse.cli;

import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;

/** Turns a command's arguments into pictures: files, folders and standard input. */
final class PictureInputs {
  private static final String STANDARD_INPUT = "-";
  private static final Set<String> ENDINGS =
      Set.of("jpg", "jpeg", "jpe", "png", "gif", "bmp", "webp");

  private final ImageDecoder decoder = new ImageDecoder();

  /**
   * The names of all pictures.
   *
   * @param arguments files, folders (all pictures below, by the usual endings, in the order of
   *     their names) or - for standard input
   */
  List<String> expand(List<String> arguments) throws IOException {
    List<String> names = new ArrayList<>();
    for (String argument : arguments) {
      Path path = Path.of(argument);
      if (argument.equals(STANDARD_INPUT) || !Files.isDirectory(path)) {
        names.add(argument);
        continue;
      }
      List<String> found;
      try (Stream<Path> below = Files.walk(path)) {
        found = below.filter(PictureInputs::looksLikePicture).map(Path::toString).sorted().toList();
      } catch (UncheckedIOException e) {
        throw e.getCause();
      }
      if (found.isEmpty()) {
        throw new IllegalArgumentException(
            argument
                + ": no pictures in this folder ("
                + String.join(", ", ENDINGS.stream().sorted().toList())
                + "); name files to have them read whatever their endings");
      }
      names.addAll(found);
    }
    return names;
  }

  private static boolean looksLikePicture(Path path) {
    String name = path.getFileName().toString().toLowerCase(Locale.ROOT);
    return Files.isRegularFile(path)
        && !name.startsWith(".")
        && ENDINGS.contains(name.substring(name.lastIndexOf('.') + 1));
  }

  /** What files made from an input are called: its name without folders and ending. */
  static String stem(String name) {
    if (name.equals(STANDARD_INPUT)) {
      return "stdin";
    }
    String last = Path.of(name).getFileName().toString();
    return last.contains(".") ? last.substring(0, last.lastIndexOf('.')) : last;
  }

  Image read(String name) {
    return name.equals(STANDARD_INPUT)
        ? decoder.read(System.in, "standard input")
        : decoder.read(Path.of(name));
  }
}
