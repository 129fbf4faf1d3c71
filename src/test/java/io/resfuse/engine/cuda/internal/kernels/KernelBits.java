package io.resfuse.engine.cuda.internal.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/**
 * Hashes of what kernels and networks computed from what. Processes write theirs to the files that
 * the system property {@value #PROPERTY} names; others, with another {@code SOFTCUDA_SEED}, compare
 * their own with all those in the folder {@value #COMPARE}.
 */
public final class KernelBits {
  private static final String PROPERTY = "resfuse.kernelBits";
  private static final String COMPARE = "resfuse.kernelBits.compare";
  private static final Map<String, String> BITS = new TreeMap<>();
  private static boolean prepared;
  private static int compared;

  private KernelBits() {}

  /** Compares results with those of earlier runs of the same, here or in the other process. */
  public static synchronized void note(String what, Iterable<ByteBuffer> results) {
    String folder = System.getProperty(COMPARE);
    String file = System.getProperty(PROPERTY);
    if (folder == null && file == null) {
      return;
    }
    try {
      prepare(folder, file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    CRC32C crc = new CRC32C();
    results.forEach(bytes -> crc.update(bytes.duplicate()));
    String bits = Long.toHexString(crc.getValue());
    String before = BITS.putIfAbsent(what, bits);
    if (folder != null) {
      assertThat(before)
          .as("what the first run of the tests, in %s, has of %s", folder, what)
          .isNotNull();
      compared++;
    }
    if (before != null) {
      assertThat(bits).as("the bits that another run gave of %s", what).isEqualTo(before);
    }
  }

  private static void prepare(String folder, String file) throws IOException {
    if (prepared) {
      return;
    }
    prepared = true;
    if (folder != null) {
      read(Path.of(folder));
      Runtime.getRuntime()
          .addShutdownHook(
              new Thread(
                  () ->
                      System.err.println(
                          "[INFO] " + compared + " results have the bits of another run")));
    } else {
      Runtime.getRuntime().addShutdownHook(new Thread(() -> write(Path.of(file))));
    }
  }

  private static void read(Path folder) throws IOException {
    List<Path> files;
    try (Stream<Path> entries = Files.list(folder)) {
      files = entries.toList();
    }
    for (Path file : files) {
      for (String line : Files.readAllLines(file)) {
        int space = line.indexOf(' ');
        BITS.put(line.substring(space + 1), line.substring(0, space));
      }
    }
  }

  private static synchronized void write(Path file) {
    try {
      Files.createDirectories(file.toAbsolutePath().getParent());
      Files.write(
          file, BITS.entrySet().stream().map(e -> e.getValue() + " " + e.getKey()).toList());
    } catch (IOException e) {
      System.err.println("[WARNING] " + file + " was not written: " + e);
    }
  }
}
