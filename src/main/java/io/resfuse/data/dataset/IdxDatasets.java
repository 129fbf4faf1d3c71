package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.tensor.Shape;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** MNIST and the data sets that come as MNIST did: an IDX file of pictures, one of labels. */
public final class IdxDatasets {
  /** Fashion-MNIST's classes (Xiao, Rasul, Vollgraf 2017, table 1). */
  public static final List<String> FASHION_CLASSES =
      List.of(
          "T-shirt/top",
          "Trouser",
          "Pullover",
          "Dress",
          "Coat",
          "Sandal",
          "Shirt",
          "Sneaker",
          "Bag",
          "Ankle boot");

  /** MNIST's classes. */
  public static final List<String> DIGITS =
      List.of("0", "1", "2", "3", "4", "5", "6", "7", "8", "9");

  private IdxDatasets() {}

  /**
   * Reads Fashion-MNIST.
   *
   * @param folder with {@code train-images-idx3-ubyte} and the like, gzipped or not
   * @param split 60,000 or 10,000 pictures
   * @return grey pictures of 28 x 28
   * @throws DataException if a file is missing or damaged
   */
  public static Dataset fashionMnist(Path folder, Split split) {
    return readFolder("Fashion-MNIST", "fashion-mnist", folder, split, FASHION_CLASSES);
  }

  /**
   * Reads MNIST.
   *
   * @param folder with {@code train-images-idx3-ubyte} and the like, gzipped or not
   * @param split 60,000 or 10,000 pictures
   * @return grey pictures of 28 x 28
   * @throws DataException if a file is missing or damaged
   */
  public static Dataset mnist(Path folder, Split split) {
    return readFolder("MNIST", "mnist", folder, split, DIGITS);
  }

  /**
   * Reads a pair of files.
   *
   * @param name in messages
   * @param images (picture, height, width) of unsigned bytes
   * @param labels (picture) of unsigned bytes
   * @param classes the classes' names
   * @return grey pictures
   * @throws DataException if a file is missing or damaged, the numbers of pictures and labels
   *     differ, or a label has no class
   */
  public static Dataset read(String name, Path images, Path labels, List<String> classes) {
    return read(name, null, images, labels, classes);
  }

  private static Dataset read(
      String name, @Nullable String preset, Path images, Path labels, List<String> classes) {
    IdxFile labelFile = IdxFile.read(labels, 1);
    IdxFile imageFile = IdxFile.read(images, 3);
    Shape shape = imageFile.shape;
    int count = shape.dimension(0);
    if (labelFile.shape.dimension(0) != count) {
      throw new DataException(
          "%s has %d pictures, %s %d labels; they do not belong together"
              .formatted(images, count, labels, labelFile.shape.dimension(0)));
    }
    return new MemoryDataset(
        name,
        preset,
        classes,
        labelFile.elements,
        imageFile.elements,
        shape.dimension(2),
        shape.dimension(1),
        1,
        labels);
  }

  private static Dataset readFolder(
      String name, String preset, Path folder, Split split, List<String> classes) {
    String part = split == Split.TRAIN ? "train" : "t10k";
    return read(
        name + " " + part,
        preset,
        find(folder, part + "-images", "idx3-ubyte"),
        find(folder, part + "-labels", "idx1-ubyte"),
        classes);
  }

  /** Whether a folder holds such files. */
  static boolean isIn(Path folder) {
    return found(folder, "train-images", "idx3-ubyte") != null
        || found(folder, "t10k-images", "idx3-ubyte") != null;
  }

  private static Path find(Path folder, String start, String end) {
    Path file = found(folder, start, end);
    if (file == null) {
      throw new DataException(folder + ": has no " + start + "-" + end + " nor that with .gz");
    }
    return file;
  }

  private static @Nullable Path found(Path folder, String start, String end) {
    for (String separator : List.of("-", ".")) {
      for (String suffix : List.of("", ".gz")) {
        Path file = folder.resolve(start + separator + end + suffix);
        if (Files.isRegularFile(file)) {
          return file;
        }
      }
    }
    return null;
  }
}
