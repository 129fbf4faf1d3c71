package io.resfuse.bench.report;

import io.resfuse.platform.Platform;
import io.resfuse.platform.Settings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What the benchmark runs on.
 *
 * @param cpu its name
 * @param cores that this process may use
 * @param system operating system and architecture
 * @param java version
 */
public record Machine(String cpu, int cores, String system, String java) {
  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
  private static final Path MEMORY_INFO = Path.of("/proc/meminfo");

  /**
   * This machine.
   *
   * @return what it tells of itself
   */
  public static Machine here() {
    return new Machine(
        cpuName(),
        Runtime.getRuntime().availableProcessors(),
        Platform.inWords(),
        Runtime.version().toString());
  }

  /** Linux names x86 processors, and gives those of ARM numbers; Windows has a variable. */
  private static String cpuName() {
    return field(CPU_INFO, "model name")
        .or(
            () ->
                field(CPU_INFO, "CPU implementer")
                    .flatMap(
                        maker ->
                            field(CPU_INFO, "CPU part")
                                .map(part -> "ARM CPU of implementer " + maker + ", part " + part)))
        .or(Settings.PROCESSOR_IDENTIFIER::value)
        .orElse("unknown CPU");
  }

  /**
   * Memory of the host that can be had now.
   *
   * @return bytes; {@link Long#MAX_VALUE} where it cannot be told
   */
  public static long availableBytes() {
    return field(MEMORY_INFO, "MemAvailable")
        .map(text -> 1024 * Long.parseLong(text.replace(" kB", "")))
        .orElse(Long.MAX_VALUE);
  }

  /** The first value of a field in a file of {@code name: value} lines. */
  static Optional<String> field(Path file, String name) {
    return lines(file).stream()
        .filter(line -> line.startsWith(name))
        .map(line -> line.substring(line.indexOf(':') + 1).strip())
        .findFirst();
  }

  /** A file's lines; none where there is no such file. */
  static List<String> lines(Path file) {
    try {
      return Files.isReadable(file) ? Files.readAllLines(file) : List.of();
    } catch (IOException e) {
      return List.of();
    }
  }

  /** One line for people. */
  @Override
  public String toString() {
    return "%s, %d cores, %s, Java %s".formatted(cpu, cores, system, java);
  }
}
