package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.platform.FileNames;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Opens a data set by looking at what is there. */
public final class Datasets {
  private Datasets() {}

  /**
   * Opens a part of a data set.
   *
   * @param path a folder with IDX files (taken to be Fashion-MNIST if its name holds "fashion",
   *     else MNIST), with CIFAR's binary files, with {@code train} and {@code test} (or {@code
   *     val}) folders of a folder per class, or with {@code train.csv} and {@code test.csv} (or
   *     {@code val.csv}); a folder with a folder per class, which is all training; a list of
   *     pictures ({@code .csv}), all training unless it says which part each is in; or a file that
   *     {@link DatasetPacker} has written
   * @param split which part
   * @param decoder for pictures in files
   * @return the data set
   * @throws DataException if there is nothing of the kind, or it is damaged
   */
  public static Dataset open(Path path, Split split, ImageDecoder decoder) {
    if (Files.isRegularFile(path) && PackedDataset.isPack(path)) {
      return PackedDataset.open(path, split);
    }
    if (isList(path) && FileDataset.hasParts(path)) {
      return FileDataset.part(path, split, decoder);
    }
    if (!Files.isDirectory(path) && !isList(path)) {
      throw new DataException(
          FileNames.shown(path)
              + (Files.exists(path) ? ": is a file" : ": no such folder")
              + "; "
              + WANTED);
    }
    if (IdxDatasets.isIn(path)) {
      boolean fashion =
          path.toAbsolutePath().toString().toLowerCase(Locale.ROOT).contains("fashion");
      return fashion ? IdxDatasets.fashionMnist(path, split) : IdxDatasets.mnist(path, split);
    }
    if (CifarDatasets.is10(path)) {
      return CifarDatasets.cifar10(path, split);
    }
    if (CifarDatasets.is100(path)) {
      return CifarDatasets.cifar100(path, split);
    }
    List<String> names = split == Split.TRAIN ? List.of("train") : TEST_NAMES;
    Dataset part = part(path, names, decoder);
    if (part != null) {
      return part;
    }
    Dataset whole = whole(path, decoder);
    if (whole != null && split == Split.TRAIN) {
      return whole;
    }
    throw new DataException(
        FileNames.shown(path)
            + ": holds no "
            + String.join(" or ", names)
            + " part that is known; "
            + (whole == null
                ? WANTED
                : "a training on it writes what it holds out to split.csv in its folder, which can"
                    + " be given in its place"));
  }

  /**
   * Opens what to learn from and what to measure on. Of pictures without a test part, a share of
   * each class is held out.
   *
   * @param path as for {@link #open}
   * @param held what is held out where there is no test part: below 1 the share of each class, else
   *     about so many pictures; 0 for {@link Parts#SHARE}
   * @param seed of the draw
   * @param decoder for pictures in files
   * @return both parts
   * @throws DataException if there is nothing of the kind, or it is damaged
   */
  public static Parts parts(Path path, double held, long seed, ImageDecoder decoder) {
    Dataset whole = whole(path, decoder);
    if (whole == null) {
      return Parts.of(open(path, Split.TRAIN, decoder), open(path, Split.TEST, decoder));
    }
    double share = held == 0 ? Parts.SHARE : held < 1 ? held : held / whole.size();
    if (!(share > 0 && share < 1)) {
      throw new DataException(
          "%s: %s of its %d pictures cannot be held out"
              .formatted(FileNames.shown(path), held, whole.size()));
    }
    return Parts.holdingOut(whole, share, seed);
  }

  /** A folder per class or a list without a test part beside it; null if it is something else. */
  private static @Nullable Dataset whole(Path path, ImageDecoder decoder) {
    if (isList(path)) {
      return FileDataset.hasParts(path) ? null : FileDataset.list(path, decoder);
    }
    if (!Files.isDirectory(path)
        || IdxDatasets.isIn(path)
        || CifarDatasets.is10(path)
        || CifarDatasets.is100(path)
        || hasPart(path, TEST_NAMES)) {
      return null;
    }
    if (hasPart(path, List.of("train"))) {
      return part(path, List.of("train"), decoder);
    }
    List<Path> folders = PictureFiles.list(path, Files::isDirectory);
    boolean isPart = folders.size() == 1 && folders.get(0).endsWith("train");
    return folders.isEmpty() || isPart ? null : FileDataset.folders(path, decoder);
  }

  private static boolean isList(Path path) {
    return path.toString().toLowerCase(Locale.ROOT).endsWith(".csv") && Files.isRegularFile(path);
  }

  private static boolean hasPart(Path path, List<String> names) {
    return names.stream()
        .anyMatch(
            name -> isPart(path.resolve(name)) || Files.isRegularFile(path.resolve(name + ".csv")));
  }

  /** Whether a folder has folders for classes; one with pictures only is a class, called so. */
  private static boolean isPart(Path folder) {
    return Files.isDirectory(folder) && !PictureFiles.list(folder, Files::isDirectory).isEmpty();
  }

  private static @Nullable Dataset part(Path path, List<String> names, ImageDecoder decoder) {
    for (String name : names) {
      if (isPart(path.resolve(name))) {
        return FileDataset.folders(path.resolve(name), decoder);
      }
      Path list = path.resolve(name + ".csv");
      if (Files.isRegularFile(list)) {
        Path training = path.resolve("train.csv");
        List<String> classes =
            !name.equals("train") && Files.isRegularFile(training)
                ? FileDataset.list(training, decoder).classes()
                : List.of();
        return FileDataset.list(list, classes, decoder);
      }
    }
    return null;
  }

  private static final List<String> TEST_NAMES = List.of("test", "val");

  private static final String WANTED =
      "a folder with IDX files, CIFAR's binary files, train and test folders with a folder per"
          + " class, a folder per class, or train.csv and test.csv is needed, or a list, or a file"
          + " of 'resfuse pack'";

  /**
   * A data set with its classes in another order.
   *
   * @param dataset any
   * @param classes the names of its classes, each once, in the order wanted
   * @return a view, or the data set itself if that is its order
   * @throws DataException if they are not the same names
   */
  public static Dataset withClasses(Dataset dataset, List<String> classes) {
    return dataset.classes().equals(classes) ? dataset : new ReorderedDataset(dataset, classes);
  }
}
