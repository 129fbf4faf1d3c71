package io.resfuse.engine.cudnn;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.EngineProvider.Availability;
import io.resfuse.engine.cuda.LibraryHost;
import io.resfuse.engine.cudnn.dnn.Dnn;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Finds and loads the machine's cuDNN. It looks into the folder that the system property {@value
 * #FOLDER_PROPERTY} names and nowhere else, if that is set; otherwise where {@code CUDNN_PATH} and
 * {@code LD_LIBRARY_PATH} point, and where Linux distributions and CUDA put libraries. Thread-safe.
 */
public final class CudnnLibrary {
  /** System property with the folder to take cuDNN from. */
  public static final String FOLDER_PROPERTY = "resfuse.cudnn.folder";

  private static final String FILE = "libcudnn.so." + Dnn.MAJOR;

  private final List<Path> folders;

  /**
   * Looks into given folders only.
   *
   * @param folders first come, first taken
   */
  CudnnLibrary(List<Path> folders) {
    this.folders = List.copyOf(folders);
  }

  /**
   * Where this machine may have cuDNN, by its properties and environment.
   *
   * @return a library that is looked for, and loaded, when that is asked for
   */
  public static CudnnLibrary ofThisMachine() {
    return new CudnnLibrary(
        folders(
            System.getProperty(FOLDER_PROPERTY, ""),
            System.getenv(),
            Path.of("/usr/lib"),
            Path.of("/usr/local")));
  }

  /** The folders to look into, for the given property, environment and system folders. */
  static List<Path> folders(
      String property, Map<String, String> environment, Path lib, Path local) {
    if (!property.isEmpty()) {
      return List.of(Path.of(property));
    }
    Set<Path> found = new LinkedHashSet<>();
    String own = environment.getOrDefault("CUDNN_PATH", "");
    if (!own.isEmpty()) {
      found.addAll(List.of(Path.of(own, "lib"), Path.of(own, "lib64")));
    }
    for (String entry :
        environment.getOrDefault("LD_LIBRARY_PATH", "").split(File.pathSeparator, -1)) {
      if (!entry.isEmpty()) {
        found.add(Path.of(entry));
      }
    }
    found.add(lib.resolve("x86_64-linux-gnu"));
    found.add(lib.resolveSibling("lib64"));
    found.add(local.resolve("cuda/lib64"));
    found.add(local.resolve("lib"));
    return new ArrayList<>(found);
  }

  /**
   * Looks whether cuDNN can run networks here. Nothing native is loaded where that is not needed to
   * say no.
   *
   * @param options which device
   * @return whether, with which version on what, or why not: cuDNN is not there (and where it was
   *     looked for), is of another major version, or has no GPU
   */
  public Availability probe(EngineOptions options) {
    try {
      Path library = find();
      Availability gpu = LibraryHost.probe(options);
      if (!gpu.available()) {
        return new Availability(
            false,
            "cuDNN " + Dnn.MAJOR + " is in " + library.getParent() + ", but " + gpu.detail());
      }
      Dnn.load(library);
      return new Availability(true, "cuDNN " + Dnn.version() + " on " + gpu.detail());
    } catch (EngineException e) {
      return new Availability(false, String.valueOf(e.getMessage()));
    }
  }

  /**
   * Finds cuDNN's file without loading it.
   *
   * @return {@code libcudnn.so.9}
   * @throws EngineException if it is not there: where it was looked for, and what was found instead
   */
  public Path find() {
    for (Path folder : folders) {
      Path library = folder.resolve(FILE);
      if (Files.isReadable(library)) {
        return library;
      }
    }
    String advice =
        "; install cuDNN " + Dnn.MAJOR + ", or name its folder by -D" + FOLDER_PROPERTY + "=FOLDER";
    Optional<Path> other = folders.stream().flatMap(CudnnLibrary::otherVersions).findFirst();
    if (other.isPresent()) {
      throw new EngineException(
          "engine cudnn needs cuDNN " + Dnn.MAJOR + ", found only " + other.get() + advice);
    }
    throw new EngineException(
        "cuDNN is not here: no "
            + FILE
            + " in "
            + folders.stream().map(Path::toString).collect(Collectors.joining(", "))
            + advice);
  }

  private static Stream<Path> otherVersions(Path folder) {
    if (!Files.isDirectory(folder)) {
      return Stream.empty();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(file -> file.getFileName().toString().matches("libcudnn\\.so\\.\\d+"))
          .sorted()
          .toList()
          .stream();
    } catch (IOException e) {
      return Stream.empty();
    }
  }

  /**
   * Loads cuDNN, once per process.
   *
   * @throws EngineException if it is not there or cannot be loaded
   */
  public void load() {
    Dnn.load(find());
  }
}
