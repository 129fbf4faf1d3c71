package io.resfuse.server.repository;

import io.resfuse.weights.PretrainedModel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Finds models: what {@code --model} names is a file of weights, a model of the library's, or a
 * folder. In a folder, a file of weights is a model, and so is a folder with weights; one with
 * folders whose names are numbers has versions.
 */
final class RepositoryScan {
  private static final Pattern VERSION = Pattern.compile("[1-9][0-9]{0,17}");
  private static final long ONLY_VERSION = 1;

  /** By which a folder's entries are taken for weights; what they are, their contents say. */
  private static final List<String> ENDINGS =
      List.of(".safetensors", ".pth", ".pt", ".bin", ".onnx", ".keras", ".h5", ".tgz");

  /** In this order, what weights in a folder of their own are opened by. */
  private static final List<String> FOLDERS =
      List.of(
          "model.json",
          "model.safetensors",
          "model.safetensors.index.json",
          "pytorch_model.bin",
          "pytorch_model.bin.index.json");

  private RepositoryScan() {}

  /**
   * Looks at what was named.
   *
   * @param source a path, or the name of a model of the library's
   * @return all that was found
   * @throws IllegalArgumentException if it is nothing of the kind
   */
  static List<Found> scan(String source) {
    Path path = Path.of(source);
    if (!Files.exists(path)) {
      if (PretrainedModel.all().stream().anyMatch(model -> model.name().equals(source))) {
        return List.of(new Found(source, ONLY_VERSION, null, null, ""));
      }
      throw new IllegalArgumentException(
          source
              + ": no such file or folder, and no model that 'resfuse weights' lists; give one of these");
    }
    if (!Files.isDirectory(path)) {
      return List.of(ofFile(path));
    }
    List<Found> found = new ArrayList<>();
    for (Path entry : entries(path)) {
      if (Files.isDirectory(entry)) {
        addFolder(entry, found);
      } else if (isWeights(entry)) {
        found.add(ofFile(entry));
      }
    }
    return found;
  }

  private static Found ofFile(Path file) {
    String name = String.valueOf(file.getFileName());
    int dot = name.lastIndexOf('.');
    return new Found(
        dot > 0 ? name.substring(0, dot) : name, ONLY_VERSION, file, null, fingerprint(file));
  }

  private static void addFolder(Path folder, List<Found> found) {
    String name = String.valueOf(folder.getFileName());
    if (name.startsWith(".")) {
      return;
    }
    boolean versioned = false;
    for (Path entry : entries(folder)) {
      String version = String.valueOf(entry.getFileName());
      if (Files.isDirectory(entry) && VERSION.matcher(version).matches()) {
        versioned = true;
        Path weights = weights(entry);
        if (weights != null) {
          found.add(of(name, Long.parseLong(version), weights, folder, entry));
        }
      }
    }
    Path weights = versioned ? null : weights(folder);
    if (weights != null) {
      found.add(of(name, ONLY_VERSION, weights, folder, folder));
    }
  }

  private static Found of(String name, long version, Path weights, Path home, Path folder) {
    String print = fingerprint(folder) + (folder.equals(home) ? "" : configuration(home));
    return new Found(name, version, weights, home, print);
  }

  /** Of the files in a model's folder that are no versions. */
  private static String configuration(Path home) {
    StringBuilder text = new StringBuilder();
    entries(home).stream()
        .filter(Files::isRegularFile)
        .forEach(file -> text.append(fingerprint(file)));
    return text.toString();
  }

  private static boolean isWeights(Path file) {
    String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
    return !name.startsWith(".") && ENDINGS.stream().anyMatch(name::endsWith);
  }

  /** What a folder's weights are opened by; null if it has none, or not one that is meant. */
  private static @Nullable Path weights(Path folder) {
    for (String name : FOLDERS) {
      if (Files.isRegularFile(folder.resolve(name))) {
        return folder;
      }
    }
    List<Path> files = entries(folder).stream().filter(RepositoryScan::isWeights).toList();
    // Several: opening the folder fails, with a line that says which names it may have.
    return files.isEmpty() ? null : files.size() == 1 ? files.get(0) : folder;
  }

  private static List<Path> entries(Path folder) {
    try (Stream<Path> all = Files.list(folder)) {
      return all.sorted().toList();
    } catch (NoSuchFileException e) {
      return List.of();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Names, sizes and times of a file, or of those in a folder. */
  private static String fingerprint(Path path) {
    if (Files.isDirectory(path)) {
      StringBuilder text = new StringBuilder();
      entries(path).stream()
          .filter(Files::isRegularFile)
          .forEach(file -> text.append(fingerprint(file)));
      return text.toString();
    }
    try {
      BasicFileAttributes file = Files.readAttributes(path, BasicFileAttributes.class);
      return "%s %d %s %s;"
          .formatted(path.getFileName(), file.size(), file.lastModifiedTime(), file.fileKey());
    } catch (NoSuchFileException e) {
      return "";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
