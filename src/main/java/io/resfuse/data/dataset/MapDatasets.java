package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.platform.FileNames;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Opens pictures with a class for each pixel by looking at what is there. Stateless. */
public final class MapDatasets {
  private MapDatasets() {}

  /**
   * Whether a folder holds pictures with maps: as {@link #open} finds them.
   *
   * @param path a folder, or anything else
   * @return whether it is worth to be opened
   */
  public static boolean isIn(Path path) {
    return isHome(path) || home(path, Split.TRAIN) != null || home(path, Split.TEST) != null;
  }

  /**
   * Opens a part of a data set.
   *
   * @param path a folder with {@value MaskDataset#PICTURES}, {@value MaskDataset#MASKS} and {@value
   *     MaskDataset#CLASSES} ({@link MaskDataset}), or with {@value MaskDataset#PICTURES} and
   *     {@value CocoDataset#ANNOTATIONS} ({@link CocoDataset}), which is taken whatever the part;
   *     or one with a folder of that kind for each part: {@code train}, and {@code test} or {@code
   *     val}
   * @param split which part
   * @param decoder for pictures and masks
   * @return the data set
   * @throws DataException if there is nothing of the kind, or it is damaged
   */
  public static SegmentationDataset open(Path path, Split split, ImageDecoder decoder) {
    return isHome(path) ? openHome(path, decoder) : openPart(path, split, decoder);
  }

  /**
   * Opens what to learn from, or to measure on; unlike {@link #open} it must be a part.
   *
   * @param path a folder with a folder for each part
   * @param split which part
   * @param decoder for pictures and masks
   * @return the data set
   * @throws DataException if there is nothing of the kind, or it is damaged
   */
  public static SegmentationDataset openPart(Path path, Split split, ImageDecoder decoder) {
    Path home = home(path, split);
    if (home == null) {
      throw missing(path, split);
    }
    return openHome(home, decoder);
  }

  /**
   * A data set with its classes at other numbers, matched by name.
   *
   * @param dataset any
   * @param classes each of its classes in the order wanted; others may be among them
   * @return a view, or the data set itself if that is its order
   * @throws DataException if one of its classes is not there
   */
  public static SegmentationDataset withClasses(SegmentationDataset dataset, List<String> classes) {
    return dataset.classes().equals(classes) ? dataset : new ReorderedMaps(dataset, classes);
  }

  private static boolean isHome(Path path) {
    return Files.isDirectory(path.resolve(MaskDataset.PICTURES))
        && (hasMasks(path) || Files.isRegularFile(path.resolve(CocoDataset.ANNOTATIONS)));
  }

  private static boolean hasMasks(Path path) {
    return Files.isDirectory(path.resolve(MaskDataset.MASKS));
  }

  private static @Nullable Path home(Path path, Split split) {
    List<String> names = split == Split.TRAIN ? List.of("train") : List.of("test", "val");
    return names.stream().map(path::resolve).filter(MapDatasets::isHome).findFirst().orElse(null);
  }

  private static SegmentationDataset openHome(Path home, ImageDecoder decoder) {
    return hasMasks(home)
        ? MaskDataset.open(home, decoder)
        : CocoDataset.open(home, decoder).maps();
  }

  private static DataException missing(Path path, Split split) {
    return new DataException(
        "%s: has no folder %s with pictures and their masks; %s, each with %s/, %s/ and %s, or with %s/ and %s, are needed"
            .formatted(
                FileNames.shown(path),
                split == Split.TRAIN ? "train" : "test (or val)",
                "folders train and test (or val)",
                MaskDataset.PICTURES,
                MaskDataset.MASKS,
                MaskDataset.CLASSES,
                MaskDataset.PICTURES,
                CocoDataset.ANNOTATIONS));
  }
}
