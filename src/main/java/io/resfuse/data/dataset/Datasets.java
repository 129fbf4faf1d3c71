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
    Source source = source(path, decoder);
    Dataset whole = source.whole();
    if (whole == null) {
      return source.part(split);
    }
    if (split == Split.TRAIN) {
      return whole;
    }
    throw new DataException(
        FileNames.shown(path)
            + ": holds no test or val part that is known; a training on it writes what it holds out"
            + " to split.csv in its folder, which can be given in its place");
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
    Source source = source(path, decoder);
    Dataset whole = source.whole();
    if (whole == null) {
      return Parts.of(source.part(Split.TRAIN), source.part(Split.TEST));
    }
    double share = Parts.share(held, whole.size());
    if (!(share > 0 && share < 1)) {
      throw new DataException(
          "%s: %s of its %d pictures cannot be held out"
              .formatted(FileNames.shown(path), held, whole.size()));
    }
    return Parts.holdingOut(whole, share, seed);
  }

  /** What a path leads to, looked at once. */
  private interface Source {
    /** All pictures, where none of them are a test part; null where {@link #part} gives parts. */
    default @Nullable Dataset whole() {
      return null;
    }

    /**
     * A part.
     *
     * @throws DataException if it is missing or damaged
     */
    Dataset part(Split split);
  }

  /** Pictures that are all for training. */
  private record Whole(Dataset whole) implements Source {
    @Override
    public Dataset part(Split split) {
      throw new IllegalStateException("the test part is held out");
    }
  }

  private static Source source(Path path, ImageDecoder decoder) {
    if (Files.isRegularFile(path)) {
      return file(path, decoder);
    }
    if (!Files.isDirectory(path)) {
      throw new DataException(
          FileNames.shown(path)
              + (Files.exists(path) ? ": is a file" : ": no such folder")
              + "; "
              + WANTED);
    }
    if (IdxDatasets.isIn(path)) {
      boolean fashion =
          path.toAbsolutePath().toString().toLowerCase(Locale.ROOT).contains("fashion");
      return split ->
          fashion ? IdxDatasets.fashionMnist(path, split) : IdxDatasets.mnist(path, split);
    }
    if (CifarDatasets.is10(path)) {
      return split -> CifarDatasets.cifar10(path, split);
    }
    if (CifarDatasets.is100(path)) {
      return split -> CifarDatasets.cifar100(path, split);
    }
    return folder(path, decoder);
  }

  /** By its contents, and where they could be a list's, by its name. */
  private static Source file(Path path, ImageDecoder decoder) {
    if (PackedDataset.isPack(path)) {
      return split -> PackedDataset.open(path, split);
    }
    if (!path.toString().toLowerCase(Locale.ROOT).endsWith(".csv")) {
      throw new DataException(FileNames.shown(path) + ": is a file; " + WANTED);
    }
    PictureList list = PictureList.read(path);
    return list.hasParts()
        ? split -> list.part(split, decoder)
        : new Whole(list.all(List.of(), decoder));
  }

  /** A folder with parts, or with a folder per class. */
  private static Source folder(Path path, ImageDecoder decoder) {
    Part training = part(path, List.of("train"));
    Part test = part(path, List.of("test", "val"));
    if (test != null) {
      return split -> {
        if (split == Split.TEST) {
          return test.open(training == null ? List.of() : training.order(), decoder);
        }
        if (training == null) {
          throw new DataException(
              FileNames.shown(path) + ": holds no train part that is known; " + WANTED);
        }
        return training.open(List.of(), decoder);
      };
    }
    if (training != null) {
      return new Whole(training.open(List.of(), decoder));
    }
    List<Path> folders = PictureFiles.list(path, Files::isDirectory);
    boolean isPart = folders.size() == 1 && folders.get(0).endsWith("train");
    if (folders.isEmpty() || isPart) {
      throw new DataException(
          FileNames.shown(path) + ": holds no data set that is known; " + WANTED);
    }
    return new Whole(FileDataset.folders(path, decoder));
  }

  /** A part of a folder: a folder per class, or a list, which is read when it is asked for. */
  private static final class Part {
    private final Path path;
    private final boolean isList;
    private @Nullable PictureList read;

    Part(Path path, boolean isList) {
      this.path = path;
      this.isList = isList;
    }

    /** The classes in the order that a list of the other part takes over; empty if it does not. */
    List<String> order() {
      return isList ? list().labels() : List.of();
    }

    FileDataset open(List<String> classes, ImageDecoder decoder) {
      return isList ? list().all(classes, decoder) : FileDataset.folders(path, decoder);
    }

    private PictureList list() {
      PictureList list = read;
      if (list == null) {
        list = PictureList.read(path);
        read = list;
      }
      return list;
    }
  }

  /** The first that is there; null if none is. */
  private static @Nullable Part part(Path path, List<String> names) {
    for (String name : names) {
      Path folder = path.resolve(name);
      // One with pictures only is a class, called so.
      if (Files.isDirectory(folder) && !PictureFiles.list(folder, Files::isDirectory).isEmpty()) {
        return new Part(folder, false);
      }
      Path list = path.resolve(name + ".csv");
      if (Files.isRegularFile(list)) {
        return new Part(list, true);
      }
    }
    return null;
  }

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
