package io.resfuse.platform;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;

/**
 * The data caches of a processor, in bytes: of those that several CPUs share, what each of them has
 * where all are busy, and of the third level as the system tells of it no more than eight times the
 * second, since virtual machines are told of what they share with others.
 *
 * @param first level, of data
 * @param second level
 * @param third level; 0 if there is none
 */
public record CpuCaches(long first, long second, long third) {
  /**
   * Where the system does not tell: what processors of the last ten years have at least, but for
   * the smallest.
   */
  public static final CpuCaches UNKNOWN = new CpuCaches(32 << 10, 512 << 10, 1 << 20);

  private static final Path FOLDER = Path.of("/sys/devices/system/cpu/cpu0/cache");
  private static final int LEVELS = 3;

  /**
   * How many second levels the system may claim that a CPU has of the third. No processor has so
   * much for each of its CPUs, but a virtual machine of few is told of the whole processor's third
   * level, which those of its neighbours use, too.
   */
  private static final int MOST_SECOND_LEVELS = 8;

  /**
   * Those of sane sizes.
   *
   * @param first as in the record
   * @param second as in the record
   * @param third as in the record
   * @throws IllegalArgumentException if one is negative, or the first or second level is not there
   */
  public CpuCaches {
    if (first <= 0 || second <= 0 || third < 0) {
      throw new IllegalArgumentException(
          "caches of %d, %d and %d bytes: give a first and a second level of one byte at least"
              .formatted(first, second, third));
    }
  }

  /**
   * Those that this process runs on, from {@link Settings#CPU_CACHES} or else from the system.
   * Linux has them as files, macOS has a program that tells; others do not say.
   *
   * @return {@link #UNKNOWN} where they are not known
   * @throws IllegalArgumentException if the setting is not what it should be
   */
  public static CpuCaches here() {
    return Settings.CPU_CACHES.value().map(CpuCaches::parse).orElseGet(Found::caches);
  }

  /** Found once: the system is asked when nobody has set them. */
  private static final class Found {
    private static final CpuCaches CACHES = ofSystem().orElse(UNKNOWN);

    static CpuCaches caches() {
      return CACHES;
    }

    private static Optional<CpuCaches> ofSystem() {
      return switch (OperatingSystem.current()) {
        case LINUX -> read(FOLDER);
        case MACOS -> ofSysctl(sysctl());
        default -> Optional.empty();
      };
    }
  }

  /**
   * Reads a setting.
   *
   * @param text two or three sizes, first level first: {@code 32K,1M,16M}
   * @throws IllegalArgumentException if it is something else
   */
  static CpuCaches parse(String text) {
    List<OptionalLong> sizes = Arrays.stream(text.split(",", -1)).map(CpuCaches::bytes).toList();
    if (sizes.size() < LEVELS - 1
        || sizes.size() > LEVELS
        || sizes.stream().anyMatch(OptionalLong::isEmpty)) {
      throw new IllegalArgumentException(
          "%s is '%s': give the sizes of the first, second and third level, as 32K,1M,16M"
              .formatted(Settings.CPU_CACHES.key(), text));
    }
    return new CpuCaches(
        sizes.get(0).getAsLong(),
        sizes.get(1).getAsLong(),
        sizes.size() == LEVELS ? sizes.get(2).getAsLong() : 0);
  }

  /** A size as Linux writes it, {@code 48K}; empty if it is none. */
  private static OptionalLong bytes(String text) {
    String size = text.strip().toUpperCase(Locale.ROOT);
    if (!size.matches("[0-9]{1,12}[KMG]?")) {
      return OptionalLong.empty();
    }
    int unit = "KMG".indexOf(size.charAt(size.length() - 1));
    String digits = unit < 0 ? size : size.substring(0, size.length() - 1);
    return OptionalLong.of(Long.parseLong(digits) << (10 * (unit + 1)));
  }

  /**
   * What Linux tells.
   *
   * @param folder with a folder {@code index0}, ... for each cache
   * @return empty where it does not tell the first two levels, or nothing that can be
   */
  static Optional<CpuCaches> read(Path folder) {
    long[] levels = new long[LEVELS];
    try (DirectoryStream<Path> caches = Files.newDirectoryStream(folder, "index*")) {
      for (Path cache : caches) {
        int level = Integer.parseInt(line(cache, "level"));
        if (level >= 1 && level <= LEVELS && !line(cache, "type").equals("Instruction")) {
          levels[level - 1] =
              bytes(line(cache, "size")).orElse(0) / cpus(line(cache, "shared_cpu_list"));
        }
      }
    } catch (IOException
        | UncheckedIOException
        | DirectoryIteratorException
        | NumberFormatException e) {
      return Optional.empty();
    }
    return of(levels);
  }

  private static Optional<CpuCaches> of(long[] levels) {
    return levels[0] > 0 && levels[1] > 0
        ? Optional.of(
            new CpuCaches(
                levels[0], levels[1], Math.min(levels[2], MOST_SECOND_LEVELS * levels[1])))
        : Optional.empty();
  }

  private static String line(Path cache, String file) throws IOException {
    return Files.readString(cache.resolve(file), StandardCharsets.US_ASCII).strip();
  }

  /** How many CPUs a list has: {@code 0-3,8} are five. */
  private static long cpus(String list) {
    long count = 0;
    for (String range : list.split(",", -1)) {
      String[] ends = range.split("-", 2);
      count += 1 + Integer.parseInt(ends[ends.length - 1]) - Integer.parseInt(ends[0]);
    }
    return Math.max(1, count);
  }

  /**
   * What macOS tells.
   *
   * @param lines {@code hw.l2cachesize: 262144} and the like; the third level is shared by all CPUs
   */
  static Optional<CpuCaches> ofSysctl(List<String> lines) {
    long[] levels = new long[LEVELS];
    long cpus = 1;
    for (String line : lines) {
      String[] parts = line.split(": ", 2);
      long value = parts.length < 2 ? 0 : bytes(parts[1]).orElse(0);
      switch (parts[0]) {
        case "hw.l1dcachesize" -> levels[0] = value;
        case "hw.l2cachesize" -> levels[1] = value;
        case "hw.l3cachesize" -> levels[2] = value;
        case "hw.logicalcpu" -> cpus = Math.max(1, value);
        default -> {}
      }
    }
    levels[2] /= cpus;
    return of(levels);
  }

  private static List<String> sysctl() {
    try {
      Process process =
          new ProcessBuilder(
                  "/usr/sbin/sysctl",
                  "hw.l1dcachesize",
                  "hw.l2cachesize",
                  "hw.l3cachesize",
                  "hw.logicalcpu")
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      try {
        String output =
            new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
        return process.waitFor(10, TimeUnit.SECONDS) ? output.lines().toList() : List.of();
      } finally {
        process.destroy();
      }
    } catch (IOException e) {
      return List.of();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return List.of();
    }
  }

  /** For people: {@code 48 KiB, 1 MiB and 16 MiB}. */
  @Override
  public String toString() {
    return third == 0
        ? inWords(first) + " and " + inWords(second)
        : inWords(first) + ", " + inWords(second) + " and " + inWords(third);
  }

  private static String inWords(long bytes) {
    int unit = 0;
    long size = bytes;
    while (unit < 3 && size >= 1024 && size % 1024 == 0) {
      size /= 1024;
      unit++;
    }
    return size + " " + List.of("bytes", "KiB", "MiB", "GiB").get(unit);
  }
}
