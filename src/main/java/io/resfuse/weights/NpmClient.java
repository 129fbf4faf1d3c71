package io.resfuse.weights;

import io.resfuse.platform.OperatingSystem;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;
import java.util.stream.Stream;

/**
 * Gets packages with the {@code npm} command, so that the user's registry, proxy and credentials
 * are used. Only {@code npm pack}: nothing is installed and no script of a package runs.
 */
final class NpmClient {
  private static final long POLL_MILLIS = 200;
  private static final long IDLE_LIMIT_NANOS = TimeUnit.SECONDS.toNanos(120);

  private final List<String> command;

  /** npm of the user's search path. On Windows it is a batch file, which needs its full name. */
  static NpmClient ofUser() {
    return new NpmClient(command(OperatingSystem.current()));
  }

  static String command(OperatingSystem system) {
    return system == OperatingSystem.WINDOWS ? "npm.cmd" : "npm";
  }

  /**
   * A client.
   *
   * @param command the program and its first arguments
   */
  NpmClient(String... command) {
    this.command = List.of(command);
  }

  /** npm could not get the package; the message is one line. */
  static final class NpmException extends Exception {
    NpmException(String message) {
      super(message);
    }
  }

  /**
   * Downloads a package.
   *
   * @param specification {@code name@version}
   * @param workFolder an empty folder; npm's own cache goes there, too, and shows the progress
   * @param bytes told how much has been downloaded
   * @return the .tgz
   */
  Path pack(String specification, Path workFolder, LongConsumer bytes)
      throws IOException, NpmException {
    Path npmCache = Files.createDirectory(workFolder.resolve("npm-cache"));
    Path output = Files.createDirectory(workFolder.resolve("package"));
    Path log = workFolder.resolve("npm.log");
    List<String> line =
        Stream.concat(
                command.stream(),
                Stream.of(
                    "pack",
                    specification,
                    "--pack-destination=" + output,
                    "--cache=" + npmCache,
                    "--ignore-scripts",
                    "--no-update-notifier",
                    "--fetch-retries=1",
                    "--fetch-retry-mintimeout=1000",
                    "--loglevel=error"))
            .toList();
    Process process;
    try {
      process =
          new ProcessBuilder(line)
              .directory(workFolder.toFile())
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .start();
    } catch (IOException e) {
      throw new NpmException("the npm command was not found (on Debian: apt install npm)");
    }
    process.getOutputStream().close();
    try {
      await(process, npmCache, bytes);
    } finally {
      end(process);
    }
    if (process.exitValue() != 0) {
      throw new NpmException(reason(log, process.exitValue()));
    }
    try (Stream<Path> files = Files.list(output)) {
      return files
          .filter(file -> file.toString().endsWith(".tgz"))
          .findFirst()
          .orElseThrow(() -> new NpmException("npm pack wrote no file"));
    }
  }

  /** With all that it has started, so that nothing is written any more. */
  private static void end(Process process) {
    List<ProcessHandle> all =
        Stream.concat(process.descendants(), Stream.of(process.toHandle())).toList();
    all.forEach(ProcessHandle::destroyForcibly);
    all.forEach(each -> each.onExit().join());
  }

  private static void await(Process process, Path npmCache, LongConsumer bytes)
      throws NpmException {
    long last = -1;
    long lastChange = System.nanoTime();
    try {
      while (!process.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
        long now = size(npmCache);
        if (now != last) {
          last = now;
          lastChange = System.nanoTime();
          bytes.accept(now);
        } else if (System.nanoTime() - lastChange > IDLE_LIMIT_NANOS) {
          throw new NpmException("nothing was downloaded for two minutes");
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new NpmException("the download was interrupted");
    }
  }

  /** npm moves its files about while they are counted. */
  private static long size(Path folder) {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.mapToLong(NpmClient::sizeOrZero).sum();
    } catch (IOException | UncheckedIOException e) {
      return 0;
    }
  }

  private static long sizeOrZero(Path file) {
    try {
      return Files.isRegularFile(file) ? Files.size(file) : 0;
    } catch (IOException e) {
      return 0;
    }
  }

  /** The first error that npm printed, and what its code means. */
  private static String reason(Path log, int status) throws IOException {
    String text = new String(Files.readAllBytes(log), StandardCharsets.UTF_8);
    String first =
        text.lines()
            .map(line -> line.replaceFirst("(?i)^npm (err!|error) ?", "").strip())
            .filter(
                line -> !line.isEmpty() && !line.toLowerCase(Locale.ROOT).startsWith("npm warn"))
            .findFirst()
            .orElse("exit status " + status);
    if (text.contains("ENOSPC")) {
      return "npm found the disk full";
    }
    if (text.contains("ENOTFOUND")
        || text.contains("EAI_AGAIN")
        || text.contains("ECONNREFUSED")
        || text.contains("ETIMEDOUT")
        || text.contains("ENETUNREACH")) {
      return "npm could not reach its registry (" + first + ")";
    }
    return "npm failed (" + first + ")";
  }
}
