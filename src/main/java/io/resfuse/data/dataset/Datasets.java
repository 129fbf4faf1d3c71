package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.data.image.ImageDecoder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** Opens a data set by looking at what is there. */
public final class Datasets {
  private Datasets() {}

  /**
   * Opens a data set.
   *
   * @param path a folder with IDX files (taken to be Fashion-MNIST if its name holds "fashion",
   *     else MNIST), with CIFAR's binary files, with {@code train} and {@code test} (or {@code
   *     val}) folders of a folder per class, or with {@code train.csv} and {@code test.csv} (or
   *     {@code val.csv}); or a file that {@link DatasetPacker} has written
   * @param split which part
   * @param decoder for pictures in files
   * @return the data set
   * @throws DataException if there is nothing of the kind, or it is damaged
   */
  public static Dataset open(Path path, Split split, ImageDecoder decoder) {
    if (Files.isRegularFile(path) && PackedDataset.isPack(path)) {
      return PackedDataset.open(path, split);
    }
    if (!Files.isDirectory(path)) {
      throw new DataException(
          path + (Files.exists(path) ? ": is a file" : ": no such folder") + "; " + WANTED);
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
    List<String> parts = split == Split.TRAIN ? List.of("train") : List.of("test", "val");
    for (String part : parts) {
      if (Files.isDirectory(path.resolve(part))) {
        return FileDataset.folders(path.resolve(part), decoder);
      }
      Path list = path.resolve(part + ".csv");
      if (Files.isRegularFile(list)) {
        Path training = path.resolve("train.csv");
        List<String> classes =
            split == Split.TEST && Files.isRegularFile(training)
                ? FileDataset.list(training, decoder).classes()
                : List.of();
        return FileDataset.list(list, classes, decoder);
      }
    }
    throw new DataException(
        path + ": holds no " + String.join(" or ", parts) + " part that is known; " + WANTED);
  }

  private static final String WANTED =
      "a folder with IDX files, CIFAR's binary files, train and test folders with a folder per"
          + " class, or train.csv and test.csv is needed, or a file of 'resfuse pack'";

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
