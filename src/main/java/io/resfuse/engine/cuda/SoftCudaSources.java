package io.resfuse.engine.cuda;

import io.resfuse.platform.Settings;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * softcuda's sources in a checkout, which are compiled when something first asks for it: by the
 * script {@code native/build.sh}, which knows whether there is anything to do.
 */
final class SoftCudaSources {
  /** Exit code of the script where softcuda cannot be built on this machine. */
  private static final int CANNOT = 3;

  private final Path script;

  private SoftCudaSources(Path script) {
    this.script = script;
  }

  /**
   * The sources in the folder that {@link Settings#SOFTCUDA_SOURCES} names, else those of the
   * checkout whose {@code target} this code runs from.
   *
   * @return empty where this is no checkout
   */
  static Optional<SoftCudaSources> find() {
    String property = Settings.SOFTCUDA_SOURCES.value().orElse(null);
    Path folder = property != null ? Path.of(property) : besideTarget();
    return Optional.ofNullable(folder)
        .map(found -> found.toAbsolutePath().resolve("build.sh"))
        .filter(Files::isExecutable)
        .map(SoftCudaSources::new);
  }

  /** The folder {@code native} beside the folder {@code target} that has our classes or jar. */
  private static @Nullable Path besideTarget() {
    CodeSource source = SoftCudaSources.class.getProtectionDomain().getCodeSource();
    try {
      Path target = source == null ? null : Path.of(source.getLocation().toURI()).getParent();
      return target != null && target.endsWith("target") ? target.resolveSibling("native") : null;
    } catch (URISyntaxException | RuntimeException e) {
      return null;
    }
  }

  /** Why softcuda cannot be built here; empty if it can be, or is. */
  Optional<String> problem() throws IOException {
    Result result = run(line -> {}, "--probe");
    return result.code() == 0 ? Optional.empty() : Optional.of(result.lastLine());
  }

  /**
   * Compiles softcuda if that has not been done since its sources changed. Processes wait for each
   * other.
   *
   * @param progress what is told while it compiles, line by line
   * @return the library; empty where it cannot be built, see {@link #problem}
   * @throws IOException if the compiler failed
   */
  Optional<Path> build(Consumer<String> progress) throws IOException {
    Result result = run(progress);
    if (result.code() == 0) {
      return Optional.of(script.resolve("../../target/softcuda/libcuda.so.1").normalize());
    }
    if (result.code() == CANNOT) {
      return Optional.empty();
    }
    throw new IOException(result.lastLine());
  }

  private record Result(int code, String lastLine) {}

  private Result run(Consumer<String> progress, String... arguments) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(script.toString());
    builder.command().addAll(List.of(arguments));
    Process process = builder.redirectErrorStream(true).start();
    String last = script + " failed";
    try (BufferedReader lines = process.inputReader()) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        progress.accept(line);
        last = line;
      }
      return new Result(process.waitFor(), last);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while softcuda was built");
    } finally {
      process.destroy();
    }
  }
}
