package io.resfuse.engine.cudnn.internal.dnn;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.cuda.internal.driver.JCudaNatives;
import io.resfuse.platform.NativeFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import jcuda.jcudnn.JCudnn;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The cuDNN of this process: loading it, its version, what its errors mean. Thread-safe. */
public final class Dnn {
  /** The major version that JCudnn's native library is linked to. */
  public static final int MAJOR = 9;

  private static final Logger log = LoggerFactory.getLogger(Dnn.class);
  private static final AtomicLong LIVE = new AtomicLong();
  private static volatile boolean loaded;

  private Dnn() {}

  /**
   * Loads cuDNN and JCudnn, once per process; further calls do nothing.
   *
   * @param library the file {@code libcudnn.so.9}; cuDNN's other libraries lie beside it
   * @param companions libraries that cuDNN needs and may not find by itself, in an order in which
   *     they can be loaded; one that cannot be is left to cuDNN, which may do without
   * @throws EngineException if it cannot be loaded, or is of another major version
   */
  public static synchronized void load(Path library, List<Path> companions) {
    if (loaded) {
      return;
    }
    for (Path companion : companions) {
      try {
        System.load(companion.toAbsolutePath().toString());
      } catch (UnsatisfiedLinkError e) {
        log.debug("{} cannot be loaded: {}", companion, e.getMessage());
      }
    }
    try {
      System.load(library.toAbsolutePath().toString());
      JCudaNatives.load("JCudnn", () -> JCudnn.setExceptionsEnabled(false));
      // Pointers to what cuDNN is given are JavaCPP's.
      NativeFiles.useForJavaCpp();
      long version = JCudnn.cudnnGetVersion();
      if (version / 10_000 != MAJOR) {
        throw new EngineException(
            String.format(
                "%s is cuDNN %s; engine cudnn needs cuDNN %d", library, text(version), MAJOR));
      }
    } catch (IOException | LinkageError e) {
      throw new EngineException(
          "cuDNN cannot be loaded from " + library + ": " + firstLine(e.getMessage()), e);
    }
    loaded = true;
  }

  /**
   * Whether this process has cuDNN.
   *
   * @return true after {@link #load}
   */
  public static boolean isLoaded() {
    return loaded;
  }

  /**
   * The version that is loaded.
   *
   * @return {@code 9.5.1} for example
   */
  public static String version() {
    return text(versionNumber());
  }

  /**
   * The version that is loaded, as a number.
   *
   * @return 90501 for 9.5.1
   */
  static long versionNumber() {
    requireLoaded();
    return JCudnn.cudnnGetVersion();
  }

  static String text(long version) {
    return version / 10_000 + "." + version / 100 % 100 + "." + version % 100;
  }

  /**
   * How many objects of cuDNN this process holds.
   *
   * @return for tests: the same before and after
   */
  public static long liveObjects() {
    return LIVE.get();
  }

  static void acquired() {
    LIVE.incrementAndGet();
  }

  static void released() {
    LIVE.decrementAndGet();
  }

  static void requireLoaded() {
    if (!loaded) {
      throw new IllegalStateException("cuDNN is not loaded; call Dnn.load() first");
    }
  }

  /** Throws what cuDNN answered, unless it is success. */
  static void check(int status, String doing) {
    if (status != 0) {
      throw new EngineException(
          JCudnn.cudnnGetErrorString(status) + " (" + status + ") while " + doing);
    }
  }

  private static String firstLine(String message) {
    return String.valueOf(message).lines().findFirst().orElse("no reason given");
  }
}
