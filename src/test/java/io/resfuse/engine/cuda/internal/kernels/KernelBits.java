package io.resfuse.engine.cuda.internal.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32C;

/**
 * Hashes of what kernels and networks computed from what. One process writes them to a file,
 * another one, with another {@code SOFTCUDA_SEED}, compares its own with them: the system property
 * {@value #PROPERTY} names the file, {@value #COMPARE} says that it is to be compared.
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
    String file = System.getProperty(PROPERTY);
    if (file == null) {
      return;
    }
    try {
      prepare(Path.of(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    CRC32C crc = new CRC32C();
    results.forEach(bytes -> crc.update(bytes.duplicate()));
    String bits = Long.toHexString(crc.getValue());
    String before = BITS.putIfAbsent(what, bits);
    if (Boolean.getBoolean(COMPARE)) {
      assertThat(before)
          .as("what the first run of the tests, in %s, has of %s", file, what)
          .isNotNull();
      compared++;
    }
    if (before != null) {
      assertThat(bits).as("the bits that another run gave of %s", what).isEqualTo(before);
    }
  }

  private static void prepare(Path file) throws IOException {
    if (prepared) {
      return;
    }
    prepared = true;
    if (Boolean.getBoolean(COMPARE)) {
      if (Files.exists(file)) {
        for (String line : Files.readAllLines(file)) {
          int space = line.indexOf(' ');
          BITS.put(line.substring(space + 1), line.substring(0, space));
        }
      }
      Runtime.getRuntime()
          .addShutdownHook(
              new Thread(
                  () ->
                      System.err.println(
                          "[INFO] " + compared + " results have the bits of another run")));
    } else {
      Runtime.getRuntime().addShutdownHook(new Thread(() -> write(file)));
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
