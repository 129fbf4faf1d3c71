package io.resfuse.engine.cudnn;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.EngineProvider.Availability;
import io.resfuse.engine.cuda.BackendHost;
import io.resfuse.engine.cudnn.internal.dnn.DeviceDescription;
import io.resfuse.engine.cudnn.internal.dnn.Dnn;
import io.resfuse.engine.cudnn.internal.dnn.Handle;
import io.resfuse.platform.Settings;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Finds and loads the machine's cuDNN. It looks into the folder that the setting {@link
 * Settings#CUDNN_FOLDER} names and nowhere else, if that is set; otherwise where {@code CUDNN_PATH}
 * and {@code LD_LIBRARY_PATH} point, in the Python environment that is active, where Linux
 * distributions and CUDA put libraries, and where pip puts them. Thread-safe.
 */
public final class CudnnLibrary {
  private static final String FILE = "libcudnn.so." + Dnn.MAJOR;

  /** Where pip puts cuDNN in a folder of Python's packages. */
  private static final String OF_PIP = "nvidia/cudnn/lib";

  /** What cuDNN's libraries are linked to, or open; the first before those that need it. */
  private static final List<String> COMPANIONS =
      List.of("libnvrtc\\.so\\.\\d+", "libcublasLt\\.so\\.\\d+", "libcublas\\.so\\.\\d+");

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
        folders(Settings.CUDNN_FOLDER.value().orElse(""), Settings.environment(), Path.of("/")));
  }

  /** The folders to look into, for the given property, environment and root of the files. */
  static List<Path> folders(String property, Map<String, String> environment, Path root) {
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
    for (String active : List.of("VIRTUAL_ENV", "CONDA_PREFIX")) {
      String prefix = environment.getOrDefault(active, "");
      if (!prefix.isEmpty()) {
        found.addAll(ofPip(Path.of(prefix)));
        found.add(Path.of(prefix, "lib"));
      }
    }
    found.add(root.resolve("usr/lib/x86_64-linux-gnu"));
    found.add(root.resolve("usr/lib64"));
    found.add(root.resolve("usr/local/cuda/lib64"));
    found.add(root.resolve("usr/local/lib"));
    String home = environment.getOrDefault("HOME", "");
    if (!home.isEmpty()) {
      found.addAll(ofPip(Path.of(home, ".local")));
    }
    for (String prefix : List.of("usr/local", "usr", "opt/conda")) {
      found.addAll(ofPip(root.resolve(prefix)));
    }
    // Code is not loaded from wherever the program was started.
    found.removeIf(folder -> !folder.isAbsolute());
    return new ArrayList<>(found);
  }

  /** Where pip has put cuDNN below a prefix, the newest Python first; no others. */
  private static List<Path> ofPip(Path prefix) {
    List<Path> found = new ArrayList<>();
    for (String lib : List.of("lib", "lib64")) {
      List<Path> pythons =
          children(prefix.resolve(lib), "python3(\\.\\d+)?").stream()
              .sorted(Comparator.comparingInt(CudnnLibrary::minorVersion).reversed())
              .toList();
      for (Path python : pythons) {
        for (String packages : List.of("site-packages", "dist-packages")) {
          Path folder = python.resolve(packages).resolve(OF_PIP);
          if (Files.isDirectory(folder)) {
            found.add(folder);
          }
        }
      }
    }
    return found;
  }

  private static int minorVersion(Path python) {
    String name = python.getFileName().toString();
    int dot = name.indexOf('.');
    return dot < 0 ? 0 : Integer.parseInt(name.substring(dot + 1));
  }

  /** The entries of a folder whose names match, sorted; none where there is no such folder. */
  private static List<Path> children(Path folder, String pattern) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.getFileName().toString().matches(pattern)).sorted().toList();
    } catch (IOException e) {
      return List.of();
    }
  }

  /**
   * The libraries that cuDNN from pip needs and that lie in other packages, where the dynamic
   * linker may not look.
   *
   * @param library cuDNN's file
   * @return in an order in which they can be loaded; empty for a cuDNN that is not from pip
   */
  static List<Path> companions(Path library) {
    Path folder = library.toAbsolutePath().getParent();
    if (folder == null || !folder.endsWith(OF_PIP)) {
      return List.of();
    }
    List<Path> found = new ArrayList<>();
    Path packages = folder.resolve("../..").normalize();
    for (String pattern : COMPANIONS) {
      for (Path neighbour : children(packages, "cuda_nvrtc|cublas|cu\\d+")) {
        found.addAll(children(neighbour.resolve("lib"), pattern));
      }
    }
    return found;
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
      Availability gpu = BackendHost.probe(options);
      if (!gpu.available()) {
        return new Availability(
            false,
            "cuDNN " + Dnn.MAJOR + " is in " + library.getParent() + ", but " + gpu.detail());
      }
      load(library);
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
        "; install cuDNN "
            + Dnn.MAJOR
            + ", or name its folder by -D"
            + Settings.CUDNN_FOLDER.key()
            + "=FOLDER";
    Optional<Path> other =
        folders.stream()
            .flatMap(folder -> children(folder, "libcudnn\\.so\\.\\d+").stream())
            .findFirst();
    if (other.isPresent()) {
      throw new EngineException(
          "engine cudnn needs cuDNN " + Dnn.MAJOR + ", found only " + other.get() + advice);
    }
    throw new EngineException(
        "cuDNN is not here: no "
            + FILE
            + " in "
            + folders.stream().map(Path::toString).collect(Collectors.joining(", "))
            + ", nor in "
            + OF_PIP
            + " of Python's packages"
            + advice);
  }

  /**
   * Loads cuDNN, once per process.
   *
   * @throws EngineException if it is not there or cannot be loaded
   */
  public void load() {
    load(find());
  }

  private static void load(Path library) {
    Dnn.load(library, companions(library));
  }

  /**
   * What cuDNN knows of a GPU. A cuDNN of the same version makes plans of it where the GPU is not.
   *
   * @param options which device
   * @return JSON, as cuDNN writes it
   * @throws EngineException if cuDNN or the GPU is not here, or cuDNN is older than 9.8
   */
  public String describeDevice(EngineOptions options) {
    Availability availability = probe(options);
    if (!availability.available()) {
      throw new EngineException("cuDNN cannot describe a device here: " + availability.detail());
    }
    DeviceDescription.whyNot()
        .ifPresent(
            reason -> {
              throw new EngineException(reason);
            });
    try (BackendHost host = new BackendHost(options)) {
      host.enter();
      try (Handle handle = new Handle()) {
        return DeviceDescription.of(handle);
      }
    }
  }
}
