package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.platform.FileNames;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * CIFAR-10 and CIFAR-100 (Krizhevsky 2009) in their binary version: per picture one label byte (in
 * CIFAR-100 the coarse label before it), then 1024 red, 1024 green and 1024 blue samples.
 */
public final class CifarDatasets {
  /** The preset of {@link io.resfuse.data.image.Preprocessing} for both. */
  static final String PRESET = "cifar";

  private static final int SIDE = 32;
  private static final int PLANE = SIDE * SIDE;
  private static final int MOST_PICTURES = Integer.MAX_VALUE / (3 * PLANE);

  private CifarDatasets() {}

  /**
   * Reads CIFAR-10.
   *
   * @param folder with {@code data_batch_1.bin} to {@code _5} and {@code test_batch.bin}, or with a
   *     folder {@code cifar-10-batches-bin} that has them
   * @param split 50,000 or 10,000 pictures
   * @return RGB pictures of 32 x 32
   * @throws DataException if a file is missing or damaged
   */
  public static Dataset cifar10(Path folder, Split split) {
    Path home = home(folder, "cifar-10-batches-bin");
    List<Path> files = new ArrayList<>();
    if (split == Split.TRAIN) {
      for (int i = 1; i <= 5; i++) {
        files.add(home.resolve("data_batch_" + i + ".bin"));
      }
    } else {
      files.add(home.resolve("test_batch.bin"));
    }
    return read("CIFAR-10 " + part(split), files, 1, names(home, "batches.meta.txt", 10));
  }

  /**
   * Reads CIFAR-100 with its 100 fine labels.
   *
   * @param folder with {@code train.bin} and {@code test.bin}, or with a folder {@code
   *     cifar-100-binary} that has them
   * @param split 50,000 or 10,000 pictures
   * @return RGB pictures of 32 x 32
   * @throws DataException if a file is missing or damaged
   */
  public static Dataset cifar100(Path folder, Split split) {
    Path home = home(folder, "cifar-100-binary");
    return read(
        "CIFAR-100 " + part(split),
        List.of(home.resolve(part(split) + ".bin")),
        2,
        names(home, "fine_label_names.txt", 100));
  }

  private static String part(Split split) {
    return split == Split.TRAIN ? "train" : "test";
  }

  private static Path home(Path folder, String inner) {
    return Files.isDirectory(folder.resolve(inner)) ? folder.resolve(inner) : folder;
  }

  static boolean is10(Path folder) {
    Path home = home(folder, "cifar-10-batches-bin");
    return Files.isRegularFile(home.resolve("data_batch_1.bin"))
        || Files.isRegularFile(home.resolve("test_batch.bin"));
  }

  static boolean is100(Path folder) {
    Path home = home(folder, "cifar-100-binary");
    return Files.isRegularFile(home.resolve("train.bin"))
        || Files.isRegularFile(home.resolve("test.bin"));
  }

  private static Dataset read(String name, List<Path> files, int labelBytes, List<String> classes) {
    int record = labelBytes + 3 * PLANE;
    long all = 0;
    for (Path file : files) {
      all += records(file, record);
    }
    if (all > MOST_PICTURES) {
      throw new DataException(
          "%s: has %d pictures, more than the %d that fit into memory at once"
              .formatted(
                  FileNames.shown(files.get(0).toAbsolutePath().getParent()), all, MOST_PICTURES));
    }
    int count = (int) all;
    byte[] labels = new byte[count];
    byte[] pixels = new byte[count * 3 * PLANE];
    int at = 0;
    for (Path file : files) {
      byte[] contents = contents(file);
      for (int from = 0; from + record <= contents.length && at < count; from += record) {
        labels[at] = contents[from + labelBytes - 1];
        interleave(contents, from + labelBytes, pixels, at * 3 * PLANE);
        at++;
      }
    }
    return new MemoryDataset(name, PRESET, classes, labels, pixels, SIDE, SIDE, 3, files);
  }

  private static int records(Path file, int record) {
    long size;
    try {
      size = Files.size(file);
    } catch (IOException e) {
      throw new DataException(
          file + ": no such file; unpack the binary version of CIFAR and give its folder", e);
    }
    long heap = Runtime.getRuntime().maxMemory();
    if (size > heap / 4) {
      throw new DataException(
          "%s: has %d MiB, too much for a heap of %d; raise it with -Xmx"
              .formatted(file, size >> 20, heap >> 20));
    }
    if (size == 0 || size % record != 0) {
      throw new DataException(
          "%s: has %d bytes, which is not a whole number of records of %d; fetch it again"
              .formatted(file, size, record));
    }
    return Math.toIntExact(size / record);
  }

  private static byte[] contents(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new DataException(file + ": cannot be read: " + e.getMessage(), e);
    }
  }

  private static void interleave(byte[] planes, int from, byte[] target, int to) {
    for (int i = 0; i < PLANE; i++) {
      target[to + 3 * i] = planes[from + i];
      target[to + 3 * i + 1] = planes[from + PLANE + i];
      target[to + 3 * i + 2] = planes[from + 2 * PLANE + i];
    }
  }

  /** The names in a file of one per line; numbers if it is not there. */
  private static List<String> names(Path folder, String fileName, int count) {
    Path file = folder.resolve(fileName);
    List<String> names = new ArrayList<>();
    if (Files.isRegularFile(file)) {
      String text = new String(contents(file), StandardCharsets.UTF_8);
      text.lines().map(String::strip).filter(line -> !line.isEmpty()).forEach(names::add);
      if (names.size() != count) {
        throw new DataException(
            "%s: has %d names, %d were expected".formatted(file, names.size(), count));
      }
    } else {
      for (int i = 0; i < count; i++) {
        names.add(Integer.toString(i));
      }
    }
    return names;
  }
}
