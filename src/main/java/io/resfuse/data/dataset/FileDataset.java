package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.PixelScratch;
import io.resfuse.data.image.Reduction;
import io.resfuse.platform.FileNames;
import io.resfuse.platform.Printable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Pictures in files, decoded when they are asked for: a folder per class, or a list of paths and
 * labels. Immutable; any thread may use it.
 */
public final class FileDataset implements Dataset, DecodedPictures {
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
          FileNames.shown(folder) + ": has no folders; a folder of pictures per class is needed");
    }
    List<String> classes = new ArrayList<>();
    List<Path> files = new ArrayList<>();
    List<Integer> labels = new ArrayList<>();
    for (Path classFolder : classFolders) {
      List<Path> pictures = PictureFiles.in(classFolder);
      if (pictures.isEmpty()) {
        throw new DataException(
            FileNames.shown(classFolder)
                + ": has no pictures ("
                + String.join(", ", PictureFiles.ENDINGS)
                + "); add some or remove it");
      }
      for (Path picture : pictures) {
        files.add(picture);
        labels.add(classes.size());
      }
      String name = FileNames.text(classFolder.getFileName());
      if (classes.contains(name)) {
        throw new DataException(
            "%s: two folders would both be class '%s', as their names are not UTF-8; rename one"
                .formatted(FileNames.shown(folder), Printable.of(name)));
      }
      classes.add(name);
    }
    return new FileDataset(FileNames.text(folder), classes, files, labels, decoder);
  }

  /**
   * Reads a list of pictures in UTF-8, or in UTF-16 with a byte order mark: {@code PATH,LABEL} per
   * line, fields quoted as in RFC 4180 where they hold commas, paths relative to the list's folder,
   * or URIs that begin with {@code file:///}. A first line {@code path,label} or {@code
   * path,label,part}, quoted or not, is a heading; another must name a picture that is there.
   * Classes are the labels that occur, in numerical order if all are numbers, else in alphabetical
   * order.
   *
   * @param list a CSV file
   * @param decoder for the pictures
   * @return the data set, of all parts
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
    return PictureList.read(list).all(classes, decoder);
  }

  /** The pictures of a list, which have these classes. */
  static FileDataset of(
      Path list, List<PictureList.Entry> entries, List<String> classes, ImageDecoder decoder) {
    List<String> names = entries.stream().map(PictureList.Entry::label).toList();
    return new FileDataset(
        FileNames.text(list),
        classes,
        entries.stream().map(PictureList.Entry::file).toList(),
        labels(list, names, classes),
        decoder);
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
            FileNames.shown(list)
                + ": label '"
                + Printable.of(name)
                + "' is none of the classes "
                + Printable.of(String.join(", ", order)));
      }
      labels.add(position);
      counts.merge(name, 1, Integer::sum);
    }
    counts.forEach(
        (name, count) -> {
          if (count == 0) {
            throw new DataException(
                FileNames.shown(list) + ": class '" + Printable.of(name) + "' has no pictures");
          }
        });
    return labels;
  }

  private static List<Path> sortedFolders(List<Path> folders) {
    Function<Path, String> name = folder -> FileNames.text(folder.getFileName());
    return folders.stream()
        .sorted(Comparator.comparing(name, ClassNames.order(folders.stream().map(name).toList())))
        .toList();
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
  public Image image(int index, PixelScratch scratch, Reduction needed) {
    return decoder.read(files.get(index), scratch, needed);
  }

  @Override
  public String describe(int index) {
    return FileNames.shown(files.get(index));
  }

  @Override
  public Path file(int index) {
    return files.get(index);
  }

  /** The size of the file; -1 for one that is not there, which is told when it is read. */
  @Override
  public long trait(int index) {
    try {
      return Files.size(files.get(index));
    } catch (IOException e) {
      return -1;
    }
  }
}
