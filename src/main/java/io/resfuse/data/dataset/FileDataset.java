package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.PixelScratch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;

/**
 * Pictures in files, decoded when they are asked for: a folder per class, or a list of paths and
 * labels. Immutable; any thread may use it.
 */
public final class FileDataset implements Dataset {
  /** Some editors begin UTF-8 with it. */
  private static final String BYTE_ORDER_MARK = "\uFEFF";

  private final String name;
  private final List<String> classes;
  private final List<Path> files;
  private final int[] labels;
  private final ImageDecoder decoder;

  private FileDataset(
      String name,
      List<String> classes,
      List<Path> files,
      List<Integer> labels,
      ImageDecoder decoder) {
    this.name = name;
    this.classes = List.copyOf(classes);
    this.files = List.copyOf(files);
    this.labels = labels.stream().mapToInt(Integer::intValue).toArray();
    this.decoder = decoder;
  }

  /**
   * Finds the pictures in a folder per class, as torchvision's {@code ImageFolder}: classes are the
   * folders in the order of their names, pictures are in them and in the folders below. Files count
   * as pictures by the end of their names (jpg, jpeg, png, gif, bmp, webp, ...); hidden files and
   * folders are left out.
   *
   * @param folder with a folder per class
   * @param decoder for the pictures
   * @return the data set
   * @throws DataException if there are no folders in it, or no picture in one of them
   */
  public static FileDataset folders(Path folder, ImageDecoder decoder) {
    List<Path> classFolders = sortedFolders(PictureFiles.list(folder, Files::isDirectory));
    if (classFolders.isEmpty()) {
      throw new DataException(
          folder + ": has no folders; a folder of pictures per class is needed");
    }
    List<String> classes = new ArrayList<>();
    List<Path> files = new ArrayList<>();
    List<Integer> labels = new ArrayList<>();
    for (Path classFolder : classFolders) {
      List<Path> pictures = PictureFiles.in(classFolder);
      if (pictures.isEmpty()) {
        throw new DataException(
            classFolder
                + ": has no pictures ("
                + String.join(", ", PictureFiles.ENDINGS)
                + "); add some or remove it");
      }
      for (Path picture : pictures) {
        files.add(picture);
        labels.add(classes.size());
      }
      classes.add(classFolder.getFileName().toString());
    }
    return new FileDataset(folder.toString(), classes, files, labels, decoder);
  }

  /**
   * Reads a list of pictures in UTF-8: {@code PATH,LABEL} per line, fields quoted as in RFC 4180
   * where they hold commas, paths relative to the list's folder. A first line {@code path,label},
   * quoted or not, is a heading; another must name a picture that is there. Classes are the labels
   * that occur, in numerical order if all are numbers, else in alphabetical order.
   *
   * @param list a CSV file
   * @param decoder for the pictures
   * @return the data set
   * @throws DataException naming the line if it is not a list of that form
   */
  public static FileDataset list(Path list, ImageDecoder decoder) {
    return list(list, List.of(), decoder);
  }

  /**
   * The same with given classes, so that a test list has the order of its training list.
   *
   * @param list a CSV file
   * @param classes the classes in their order; empty for those that occur
   * @param decoder for the pictures
   * @return the data set
   * @throws DataException naming the line or the label if it is not a list of that form, has a
   *     label that is not among the classes, or none of a class
   */
  public static FileDataset list(Path list, List<String> classes, ImageDecoder decoder) {
    List<Path> files = new ArrayList<>();
    List<String> names = new ArrayList<>();
    int number = 0;
    for (String line : lines(list)) {
      number++;
      List<String> fields = Csv.split(line);
      if (line.isBlank() || (number == 1 && isHeading(fields))) {
        continue;
      }
      if (fields.size() != 2 || fields.get(0).isBlank() || fields.get(1).isBlank()) {
        throw new DataException(
            "%s:%d: 'PATH,LABEL' was expected, found '%s'".formatted(list, number, line));
      }
      Path file = path(list, number, fields.get(0).strip());
      if (number == 1 && !Files.exists(file)) {
        throw new DataException(
            "%s:1: '%s' is neither a heading that is known (path,label) nor a picture that is there; remove or rename it"
                .formatted(list, line));
      }
      files.add(file);
      names.add(fields.get(1).strip());
    }
    if (files.isEmpty()) {
      throw new DataException(list + ": lists no pictures; a line is 'PATH,LABEL'");
    }
    List<String> order = classes.isEmpty() ? sorted(names) : classes;
    return new FileDataset(list.toString(), order, files, labels(list, names, order), decoder);
  }

  private static boolean isHeading(List<String> fields) {
    return String.join(",", fields.stream().map(String::strip).toList())
        .toLowerCase(Locale.ROOT)
        .matches("(path|file|filename|image),(label|class)");
  }

  private static Path path(Path list, int number, String name) {
    try {
      return list.resolveSibling(name);
    } catch (InvalidPathException e) {
      throw new DataException(
          "%s:%d: no file can be called so: %s".formatted(list, number, e.getReason()), e);
    }
  }

  private static List<Integer> labels(Path list, List<String> names, List<String> order) {
    Map<String, Integer> positions = new HashMap<>();
    order.forEach(name -> positions.put(name, positions.size()));
    Map<String, Integer> counts = new LinkedHashMap<>();
    order.forEach(name -> counts.put(name, 0));
    List<Integer> labels = new ArrayList<>();
    for (String name : names) {
      Integer position = positions.get(name);
      if (position == null) {
        throw new DataException(
            list + ": label '" + name + "' is none of the classes " + String.join(", ", order));
      }
      labels.add(position);
      counts.merge(name, 1, Integer::sum);
    }
    counts.forEach(
        (name, count) -> {
          if (count == 0) {
            throw new DataException(list + ": class '" + name + "' has no pictures");
          }
        });
    return labels;
  }

  private static List<String> sorted(List<String> names) {
    return names.stream().distinct().sorted(order(names)).toList();
  }

  private static List<Path> sortedFolders(List<Path> folders) {
    Function<Path, String> name = folder -> folder.getFileName().toString();
    return folders.stream()
        .sorted(Comparator.comparing(name, order(folders.stream().map(name).toList())))
        .toList();
  }

  /** Names that are all numbers are in their order, others in that of the alphabet. */
  private static Comparator<String> order(List<String> names) {
    return names.stream().allMatch(name -> name.matches("-?\\d{1,18}"))
        ? Comparator.<String>comparingLong(Long::parseLong).thenComparing(Comparator.naturalOrder())
        : Comparator.naturalOrder();
  }

  private static List<String> lines(Path list) {
    try {
      List<String> lines = new ArrayList<>(Files.readAllLines(list));
      if (!lines.isEmpty() && lines.get(0).startsWith(BYTE_ORDER_MARK)) {
        lines.set(0, lines.get(0).substring(1));
      }
      return lines;
    } catch (IOException e) {
      String problem = Files.exists(list) ? e.toString() : "no such file";
      throw new DataException(list + ": cannot be read: " + problem, e);
    }
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public int size() {
    return labels.length;
  }

  @Override
  public List<String> classes() {
    return classes;
  }

  @Override
  public int label(int index) {
    return labels[index];
  }

  @Override
  public Image image(int index) {
    return image(index, new PixelScratch());
  }

  @Override
  public Image image(int index, PixelScratch scratch) {
    return decoder.read(files.get(index), scratch);
  }

  @Override
  public String describe(int index) {
    return files.get(index).toString();
  }
}
