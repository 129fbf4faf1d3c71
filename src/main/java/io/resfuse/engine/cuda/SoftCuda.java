package io.resfuse.engine.cuda;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineProvider.Availability;
import io.resfuse.platform.NativeFiles;
import io.resfuse.platform.Platform;
import io.resfuse.platform.Settings;
import java.io.IOException;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Loads softcuda, a {@code libcuda.so.1} that executes PTX on the CPU, in the place of NVIDIA's
 * driver. JCuda then works without a GPU: same Java, same JNI library, same PTX.
 *
 * <p>{@link #load} must come before the first use of JCuda, because JCuda's native library takes
 * the {@code libcuda.so.1} that is loaded at that time, for the whole life of the process. The
 * library is the file that the setting {@link Settings#SOFTCUDA_LIBRARY} names, and if that is set,
 * nothing else is tried. Else, in a checkout of the project, its sources are compiled on the first
 * use, which takes a minute or two and is logged; elsewhere it comes out of the jar, if that was
 * built with {@code -Dsoftcuda=on}.
 *
 * <p>All methods are thread-safe. Environment variables that softcuda reads are described in {@code
 * native/softcuda/README.md}.
 */
public final class SoftCuda {
  private static final Logger log = LoggerFactory.getLogger(SoftCuda.class);

  private static final String FOLDER = "/natives/linux-x86_64/";
  private static final String FILE = "libcuda.so.1";

  private static final String NOT_PACKED =
      "softcuda is not in this jar; run from a checkout of the project, which compiles it, or build"
          + " the jar with -Dsoftcuda=on";

  private static final int REPORT = 0;
  private static final int MESSAGE = 1;
  private static final int COUNTERS = 2;

  private static boolean loaded;

  private SoftCuda() {}

  /**
   * Looks whether {@link #load} can work, without loading anything.
   *
   * @return whether, from where, or why not
   */
  public static Availability probe() {
    Optional<String> whyNoNatives = CudaDevice.whyNoNatives(Platform.current());
    if (whyNoNatives.isPresent()) {
      return new Availability(false, whyNoNatives.get());
    }
    try {
      String conflict = otherDriver();
      if (conflict != null) {
        return new Availability(false, conflict);
      }
      String property = Settings.SOFTCUDA_LIBRARY.value().orElse(null);
      if (property != null) {
        return Files.isReadable(Path.of(property))
            ? new Availability(true, "CUDA on the CPU, from " + property)
            : new Availability(
                false, "no file " + property + " (" + Settings.SOFTCUDA_LIBRARY.key() + ")");
      }
      Optional<SoftCudaSources> sources = SoftCudaSources.find();
      Optional<String> problem =
          sources.isPresent() ? sources.get().problem() : Optional.of(NOT_PACKED);
      return problem.isEmpty() || packed() != null
          ? new Availability(true, "CUDA on the CPU, for tests")
          : new Availability(false, problem.get());
    } catch (IOException | RuntimeException e) {
      return new Availability(false, e.toString());
    }
  }

  /**
   * Loads softcuda, once per process; further calls do nothing.
   *
   * @throws EngineException if it is not there, cannot be loaded, or a CUDA driver is loaded
   *     already
   */
  public static synchronized void load() {
    if (loaded) {
      return;
    }
    try {
      String conflict = otherDriver();
      if (conflict != null) {
        throw new EngineException(conflict);
      }
      String property = Settings.SOFTCUDA_LIBRARY.value().orElse(null);
      if (property != null) {
        loadFrom(Path.of(property).toAbsolutePath());
      } else {
        loadBuiltOrPacked();
      }
    } catch (IOException e) {
      throw new EngineException("softcuda cannot be loaded: " + e.getMessage(), e);
    }
    loaded = true;
  }

  /**
   * Whether this process runs on softcuda.
   *
   * @return true after {@link #load}
   */
  public static synchronized boolean isLoaded() {
    return loaded;
  }

  /**
   * What went wrong last in a kernel or with a module: a bad access, a deadlock, a leak. Several
   * lines, the first of which says it all.
   *
   * @return the report; empty if there was none yet
   */
  public static Optional<String> lastReport() {
    return text(REPORT);
  }

  /**
   * Why the calling thread's last failed driver call failed: function, error and reason.
   *
   * @return one line; empty if none failed
   */
  public static Optional<String> lastMessage() {
    return text(MESSAGE);
  }

  /**
   * The counters of the last launch that collected them (environment variable {@code
   * SOFTCUDA_COUNTERS}, or {@link #collectCounters}).
   *
   * @return a JSON object as {@code native/softcuda/README.md} describes it; empty if there is none
   */
  public static Optional<String> lastCounters() {
    return text(COUNTERS);
  }

  /**
   * Switches the counting of what kernels do on or off, for the launches that follow.
   *
   * @param on whether to count
   */
  public static void collectCounters(boolean on) {
    requireLoaded();
    setCounters(on ? 1 : 0);
  }

  /**
   * Bytes that copies have moved from one of its devices to another, since the process began.
   *
   * @param from number of a device
   * @param to number of a device
   * @return 0 where there is no such device
   */
  public static long peerCopyBytes(int from, int to) {
    return isLoaded() ? peerBytes(from, to) : 0;
  }

  /**
   * Makes launches run a sample of their blocks only, spread evenly over the grid: for counting,
   * where results do not matter. Counters tell how many blocks they are of.
   *
   * @param most blocks per launch; 0 for all
   * @throws EngineException if the softcuda that is loaded is too old for it
   */
  public static void sampleBlocks(long most) {
    requireLoaded();
    try {
      setSample(most);
    } catch (UnsatisfiedLinkError e) {
      throw new EngineException(
          "this softcuda cannot run samples of blocks; build the project anew, or the library that "
              + Settings.SOFTCUDA_LIBRARY.key()
              + " names",
          e);
    }
  }

  private static Optional<String> text(int which) {
    requireLoaded();
    int length = snapshot(which);
    if (length == 0) {
      return Optional.empty();
    }
    ByteBuffer bytes = ByteBuffer.allocate((length + 7) / 8 * 8).order(ByteOrder.LITTLE_ENDIAN);
    while (bytes.hasRemaining()) {
      bytes.putLong(eightBytes(bytes.position()));
    }
    return Optional.of(new String(bytes.array(), 0, length, StandardCharsets.UTF_8));
  }

  private static synchronized void requireLoaded() {
    if (!loaded) {
      throw new IllegalStateException("softcuda is not loaded; call SoftCuda.load() first");
    }
  }

  /**
   * A CUDA driver that this process has loaded already and that is not ours: the reason, or null.
   */
  private static @Nullable String otherDriver() throws IOException {
    Path maps = Path.of("/proc/self/maps");
    if (loaded || !Files.isReadable(maps)) {
      return null;
    }
    try (Stream<String> lines = Files.lines(maps)) {
      return lines
          .filter(line -> line.matches(".*/libcuda\\.so[.0-9]*( \\(deleted\\))?"))
          .findFirst()
          .map(
              line ->
                  "softcuda cannot be loaded: this process has loaded "
                      + line.substring(line.indexOf('/'))
                      + " already; SoftCuda.load() must come before the first use of JCuda")
          .orElse(null);
    }
  }

  private static void loadFrom(Path library) {
    if (!Files.isReadable(library)) {
      throw new EngineException(
          "softcuda cannot be loaded: no file "
              + library
              + " ("
              + Settings.SOFTCUDA_LIBRARY.key()
              + ")");
    }
    try {
      System.load(library.toString());
      snapshot(MESSAGE);
    } catch (UnsatisfiedLinkError e) {
      throw new EngineException(
          "softcuda cannot be loaded from %s: %s; %s"
              .formatted(
                  library,
                  e.getMessage(),
                  NativeFiles.remedy(
                      String.valueOf(e.getMessage()),
                      "one that was built for this machine is needed")),
          e);
    }
  }

  private static void loadBuiltOrPacked() throws IOException {
    Optional<SoftCudaSources> sources = SoftCudaSources.find();
    Optional<Path> built = sources.isPresent() ? sources.get().build(log::info) : Optional.empty();
    URL packed = packed();
    if (built.isPresent()) {
      loadFrom(built.get());
    } else if (packed != null) {
      loadFrom(NativeFiles.unpack(packed));
    } else {
      throw new EngineException(
          sources.isPresent() ? sources.get().problem().orElse(NOT_PACKED) : NOT_PACKED);
    }
  }

  /** The library in the jar, or null. */
  private static @Nullable URL packed() {
    return SoftCuda.class.getResource(FOLDER + FILE);
  }

  /** Notes one of the texts for this thread and returns its length in bytes. */
  private static native int snapshot(int which);

  /** Eight bytes of the text that this thread has noted, from an offset on, little-endian. */
  private static native long eightBytes(int offset);

  private static native void setCounters(int on);

  private static native void setSample(long most);

  private static native long peerBytes(int from, int to);
}
