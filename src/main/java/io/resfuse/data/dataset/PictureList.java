package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.platform.FileNames;
import io.resfuse.platform.Printable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A list of pictures, read once. {@link FileDataset#list} says what it looks like; with the heading
 * {@code path,label,part}, the third field of each line is {@code train} or {@code test}.
 */
final class PictureList {
  private final Path file;
  private final boolean hasParts;
  private final List<Entry> entries;

  /** A line. */
  record Entry(Path file, String label, @Nullable Split part) {}

  private PictureList(Path file, boolean hasParts, List<Entry> entries) {
    this.file = file;
    this.hasParts = hasParts;
    this.entries = entries;
  }

  /**
   * Reads a list.
   *
   * @throws DataException naming the line if it is not a list of that form
   */
  static PictureList read(Path file) {
    String shown = FileNames.shown(file);
    List<Entry> entries = new ArrayList<>();
    boolean first = true;
    boolean parts = false;
    for (Csv.Line line : Csv.read(file)) {
      List<String> fields = line.fields();
      if (line.isBlank()) {
        continue;
      }
      if (first && (isHeading(fields, "") || isHeading(fields, ",part"))) {
        parts = fields.size() == 3;
        first = false;
        continue;
      }
      String written = Printable.of(String.join(",", fields));
      if (fields.size() != (parts ? 3 : 2) || fields.get(0).isBlank() || fields.get(1).isBlank()) {
        throw new DataException(
            "%s:%d: 'PATH,LABEL%s' was expected, found '%s'"
                .formatted(shown, line.number(), parts ? ",PART" : "", written));
      }
      Path picture = path(file, line.number(), fields.get(0).strip());
      if (first && !Files.exists(picture)) {
        throw new DataException(
            "%s:%d: '%s' is neither a heading that is known (path,label) nor a picture that is there; remove or rename it"
                .formatted(shown, line.number(), written));
      }
      first = false;
      Split part = parts ? split(shown, line) : null;
      entries.add(new Entry(picture, fields.get(1).strip(), part));
    }
    if (entries.isEmpty()) {
      throw new DataException(shown + ": lists no pictures; a line is 'PATH,LABEL'");
    }
    return new PictureList(file, parts, entries);
  }

  private static boolean isHeading(List<String> fields, String more) {
    return String.join(",", fields.stream().map(String::strip).toList())
        .toLowerCase(Locale.ROOT)
        .matches("(path|file|filename|image),(label|class)" + more);
  }

  private static Split split(String list, Csv.Line line) {
    String part = line.fields().get(2).strip().toUpperCase(Locale.ROOT);
    for (Split split : Split.values()) {
      if (split.name().equals(part)) {
        return split;
      }
    }
    throw new DataException(
        "%s:%d: the part is '%s'; there are train and test"
            .formatted(list, line.number(), Printable.of(line.fields().get(2))));
  }

  private static Path path(Path list, int number, String name) {
    try {
      Path folder = list.getParent();
      return FileNames.in(folder == null ? Path.of("") : folder, name);
    } catch (IllegalArgumentException e) {
      throw new DataException(
          "%s:%d: %s".formatted(FileNames.shown(list), number, e.getMessage()), e);
    }
  }

  /** Whether it says of each picture in which part it is. */
  boolean hasParts() {
    return hasParts;
  }

  /**
   * All pictures of all parts.
   *
   * @param classes as for {@link FileDataset#list(Path, List, ImageDecoder)}
   * @throws DataException as there
   */
  FileDataset all(List<String> classes, ImageDecoder decoder) {
    return FileDataset.of(file, entries, classes.isEmpty() ? labels() : classes, decoder);
  }

  /**
   * The pictures of one part. Classes are those of both.
   *
   * @throws DataException naming the class that has no picture in the part
   */
  FileDataset part(Split split, ImageDecoder decoder) {
    List<Entry> part = entries.stream().filter(entry -> entry.part() == split).toList();
    return FileDataset.of(file, part, labels(), decoder);
  }

  /** The labels that occur, in their order. */
  List<String> labels() {
    return ClassNames.sorted(entries.stream().map(Entry::label).toList());
  }
}
