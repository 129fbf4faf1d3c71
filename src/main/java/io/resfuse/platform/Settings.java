package io.resfuse.platform;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Every system property and environment variable that ResFuse reads, and nothing else reads them.
 * {@code resfuse devices --properties} lists them. Read when they are asked for; immutable.
 */
public enum Settings {
  /** Launches of the CUDA engine run one by one. */
  CUDA_SYNC(
      Kind.PROPERTY,
      "resfuse.cuda.sync",
      "true: run the CUDA engine launch by launch, so that a fault names the launch it is in",
      "false"),
  /** Where cuDNN lies. */
  CUDNN_FOLDER(
      Kind.PROPERTY, "resfuse.cudnn.folder", "the folder to take cuDNN from", "where it is found"),
  /** How cuDNN's algorithms are chosen. */
  CUDNN_ALGORITHMS(
      Kind.PROPERTY,
      "resfuse.cudnn.algorithms",
      "how cuDNN's algorithms are chosen: heuristics or measurement",
      "heuristics"),
  /** Whether cuDNN may use tensor cores. */
  CUDNN_TENSOR_CORES(
      Kind.PROPERTY,
      "resfuse.cudnn.tensorCores",
      "false: leave tensor cores out of engine cudnn, and graphs with them",
      "true"),
  /** A softcuda that is built already. */
  SOFTCUDA_LIBRARY(
      Kind.PROPERTY,
      "resfuse.softcuda.library",
      "the file to load softcuda from",
      "built from the sources, or from the jar"),
  /** Where softcuda is built from. */
  SOFTCUDA_SOURCES(
      Kind.PROPERTY,
      "resfuse.softcuda.sources",
      "the folder native of a checkout, to build softcuda from",
      "that of the checkout that the program runs from"),
  /** Whether the CPU engine has kernels of its own. */
  CPU_KERNELS(
      Kind.PROPERTY,
      "resfuse.cpu.kernels",
      "off: engine onednn is wholly oneDNN's, without the project's own kernels",
      "with them, where the jar has them"),
  /** The caches that the CPU engine cuts its work by. */
  CPU_CACHES(
      Kind.PROPERTY,
      "resfuse.cpu.caches",
      "the caches that engine onednn cuts its work by, as 32K,1M,16M; no result changes",
      "what the system tells of the processor"),
  /** Whether pictures are read by kernels of their own. */
  PICTURE_KERNELS(
      Kind.PROPERTY,
      "resfuse.picture.kernels",
      "off: decode JPEGs by the JDK and resize in Java, with the same samples",
      "by libjpeg-turbo and in C++, where the jar has them"),
  /** Whether what runs is marked for NVIDIA's profilers. */
  NVTX(
      Kind.PROPERTY,
      "resfuse.nvtx",
      "true: mark batches and runs of plans for NVIDIA's profilers, through libnvToolsExt.so.1; or the"
          + " file to load it from",
      "false"),
  /** Whether Java tells whether it has a terminal. */
  CONSOLE(
      Kind.PROPERTY,
      "jdk.console",
      "java.base: Java 22 and newer tell whether there is a terminal, for progress bars outside of"
          + " Linux",
      "it does not tell"),
  /** The folder of weights and of times of tiles. */
  CACHE(
      Kind.VARIABLE,
      "RESFUSE_CACHE",
      "the folder for weights, and for what can be computed again",
      "the system's folder for caches"),
  /** The folder of data sets. */
  DATA(
      Kind.VARIABLE,
      "RESFUSE_DATA",
      "the folder in which data sets are looked for by their names",
      "none"),
  /** Linux's folder for caches. */
  XDG_CACHE_HOME(Kind.VARIABLE, "XDG_CACHE_HOME", "Linux: the folder for caches", "~/.cache"),
  /** Windows' folder for caches. */
  LOCALAPPDATA(
      Kind.VARIABLE, "LOCALAPPDATA", "Windows: the folder for caches", "~\\AppData\\Local"),
  /** How OpenMP's threads wait. */
  OMP_WAIT_POLICY(
      Kind.VARIABLE,
      "OMP_WAIT_POLICY",
      "how the threads of engine onednn wait; if set, it alone decides",
      "by whether other processes want the CPUs"),
  /** How long OpenMP's threads spin. */
  GOMP_SPINCOUNT(
      Kind.VARIABLE,
      "GOMP_SPINCOUNT",
      "how long the threads of engine onednn spin; if set, it alone decides",
      "by whether other processes want the CPUs"),
  /** Where cuDNN was installed by hand. */
  CUDNN_PATH(
      Kind.VARIABLE, "CUDNN_PATH", "where cuDNN is looked for first: its lib and lib64", "none"),
  /** Where the system looks for libraries. */
  LD_LIBRARY_PATH(Kind.VARIABLE, "LD_LIBRARY_PATH", "folders in which cuDNN is looked for", "none"),
  /** The active environment of Python. */
  VIRTUAL_ENV(
      Kind.VARIABLE,
      "VIRTUAL_ENV",
      "the environment of Python in which cuDNN is looked for",
      "none"),
  /** The active environment of conda. */
  CONDA_PREFIX(
      Kind.VARIABLE,
      "CONDA_PREFIX",
      "the environment of conda in which cuDNN is looked for",
      "none"),
  /** The user's folder. */
  HOME(
      Kind.VARIABLE,
      "HOME",
      "below it cuDNN is looked for, as pip installs it; the home folder of users for whom Java knows"
          + " none",
      "none"),
  /** Where Windows lies. */
  SYSTEM_ROOT(
      Kind.VARIABLE, "SystemRoot", "Windows: the folder in which the CUDA driver is", "none"),
  /** What Windows calls the CPU. */
  PROCESSOR_IDENTIFIER(
      Kind.VARIABLE, "PROCESSOR_IDENTIFIER", "Windows: the CPU that reports name", "none");

  private final Kind kind;
  private final String key;
  private final String description;
  private final String standard;

  Settings(Kind kind, String key, String description, String standard) {
    this.kind = kind;
    this.key = key;
    this.description = description;
    this.standard = standard;
  }

  /** Where a setting is read from. */
  public enum Kind {
    /** A system property, {@code -Dname=value}. */
    PROPERTY,
    /** A variable of the process's environment. */
    VARIABLE
  }

  /**
   * Where it is read from.
   *
   * @return properties or environment
   */
  public Kind kind() {
    return kind;
  }

  /**
   * Its name there.
   *
   * @return for example {@code resfuse.cuda.sync}
   */
  public String key() {
    return key;
  }

  /**
   * What it does.
   *
   * @return a line for people
   */
  public String description() {
    return description;
  }

  /**
   * What holds where it is not set.
   *
   * @return a line for people
   */
  public String standard() {
    return standard;
  }

  /**
   * What it is now.
   *
   * @return empty where it is not set
   */
  public Optional<String> value() {
    return Optional.ofNullable(
        kind == Kind.PROPERTY ? System.getProperty(key) : System.getenv(key));
  }

  /**
   * The variables that are read here.
   *
   * @return those that are set, by name
   */
  public static Map<String, String> environment() {
    Map<String, String> set = new LinkedHashMap<>();
    for (Settings one : values()) {
      if (one.kind == Kind.VARIABLE) {
        one.value().ifPresent(value -> set.put(one.key, value));
      }
    }
    return set;
  }
}
