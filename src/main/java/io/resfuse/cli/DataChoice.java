package io.resfuse.cli;

import io.resfuse.data.DataException;
import io.resfuse.data.dataset.CifarDatasets;
import io.resfuse.data.dataset.Dataset;
import io.resfuse.data.dataset.Datasets;
import io.resfuse.data.dataset.IdxDatasets;
import io.resfuse.data.dataset.MapDatasets;
import io.resfuse.data.dataset.Parts;
import io.resfuse.data.dataset.Split;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.platform.FileNames;
import io.resfuse.platform.Settings;
import io.resfuse.platform.UserFolders;
import io.resfuse.train.recipe.TrainingRecipe;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** On which pictures a command works. */
final class DataChoice {
  private static final int MOST_THREADS = 256;
  private static final List<String> KNOWN =
      List.of("fashion-mnist", "mnist", "cifar10", "cifar100");

  @Option(
      names = "--data",
      paramLabel = "FOLDER|FILE|NAME",
      description =
          "The data set: a folder with IDX files, CIFAR's binary files, train and test folders with a folder of"
              + " pictures per class, or train.csv and test.csv; a folder of pictures per class, or a list of pictures"
              + " (PATH,LABEL per line, .csv), of which training holds out a part; a file of 'resfuse pack'; for segmentation train and test folders with"
              + " pictures, masks and classes.txt each, as 'resfuse scenes' writes them; or"
              + " fashion-mnist, mnist, cifar10"
              + " or cifar100, looked for in $RESFUSE_DATA/NAME, data/NAME,"
              + " data/NAME in the cache folder (on Linux ~/.cache/resfuse), and"
              + " /usr/share/datasets/NAME.")
  private @Nullable String data;

  @Option(
      names = "--loader-threads",
      paramLabel = "N",
      description =
          "How many threads decode and augment pictures (default: ${DEFAULT-VALUE}). They change"
              + " nothing but speed.")
  private int loaderThreads = 2;

  int loaderThreads() {
    requireThreads(loaderThreads);
    return loaderThreads;
  }

  /** Refuses numbers of threads that no machine can start. */
  static void requireThreads(int threads) {
    if (threads < 1 || threads > MOST_THREADS) {
      throw new IllegalArgumentException(
          "--loader-threads must be 1 to " + MOST_THREADS + ", got " + threads);
    }
  }

  /** What was asked for, or else what a recipe is for. */
  String name(String recipes) {
    String name = data == null ? recipes : data;
    if (name.isEmpty()) {
      throw new IllegalArgumentException(
          "which pictures? give --data FOLDER, or one of " + String.join(", ", KNOWN));
    }
    return name;
  }

  /** What to learn from and what to measure on, held out as the recipe says if need be. */
  static Parts parts(String name, TrainingRecipe recipe) {
    Path path = FileNames.path(name);
    if (isKnown(name, path)) {
      return Parts.of(open(name, Split.TRAIN), open(name, Split.TEST));
    }
    requireClasses(path);
    return Datasets.parts(path, recipe.validation(), recipe.seed(), new ImageDecoder());
  }

  private static boolean isKnown(String name, Path path) {
    return KNOWN.contains(name) && !Files.isDirectory(path);
  }

  /** Whether it has a class for each pixel. */
  static boolean hasMaps(String name) {
    Path path = FileNames.path(name);
    return !isKnown(name, path) && MapDatasets.isIn(path);
  }

  static Dataset open(String name, Split split) {
    Path path = FileNames.path(name);
    if (!isKnown(name, path)) {
      requireClasses(path);
      return Datasets.open(path, split, new ImageDecoder());
    }
    Path folder = find(name);
    return switch (name) {
      case "fashion-mnist" -> IdxDatasets.fashionMnist(folder, split);
      case "mnist" -> IdxDatasets.mnist(folder, split);
      case "cifar10" -> CifarDatasets.cifar10(folder, split);
      default -> CifarDatasets.cifar100(folder, split);
    };
  }

  /** Pictures and masks are no two classes. */
  private static void requireClasses(Path path) {
    if (MapDatasets.isIn(path)) {
      throw new DataException(
          FileNames.shown(path)
              + ": has a class for each pixel; pictures with one class each are needed here");
    }
  }

  private static Path find(String name) {
    List<Path> places = new ArrayList<>();
    Settings.DATA.value().ifPresent(home -> places.add(Path.of(home, name)));
    places.add(Path.of("data", name));
    places.add(UserFolders.cache().resolve("data").resolve(name));
    places.add(Path.of("/usr/share/datasets", name));
    for (Path place : places) {
      if (Files.isDirectory(place)) {
        return place;
      }
    }
    String remedy =
        name.equals("fashion-mnist")
            ? "sudo apt-get install dataset-fashion-mnist, or give its folder with --data"
            : "fetch it, and give its folder with --data";
    throw new DataException(
        "%s is not there (looked for %s); %s"
            .formatted(
                name, String.join(", ", places.stream().map(Path::toString).toList()), remedy));
  }
}
