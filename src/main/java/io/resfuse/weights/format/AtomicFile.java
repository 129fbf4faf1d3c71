package io.resfuse.weights.format;

import io.resfuse.platform.WholeFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Writes a file as {@link WholeFile} does, so that others see all of it or nothing, and says
 * clearly what went wrong if it cannot. Stateless and thread-safe.
 */
public final class AtomicFile {
  private AtomicFile() {}

  /**
   * Writes a text.
   *
   * @param target replaced if it exists; its folder must exist
   * @param text written as UTF-8
   * @throws WeightsException if it cannot be written; nothing is left behind then
   */
  public static void write(Path target, String text) {
    write(target, text.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Writes bytes.
   *
   * @param target replaced if it exists; its folder must exist
   * @param contents what is to be in it
   * @throws WeightsException if it cannot be written; nothing is left behind then
   */
  public static void write(Path target, byte[] contents) {
    run(target, () -> WholeFile.write(target, contents));
  }

  /**
   * Writes what a body writes.
   *
   * @param target replaced if it exists; its folder must exist
   * @param body writes the contents
   * @throws WeightsException if it cannot be written; nothing is left behind then
   */
  public static void write(Path target, WholeFile.Body body) {
    run(target, () -> WholeFile.write(target, body));
  }

  @FunctionalInterface
  private interface Writing {
    void run() throws IOException;
  }

  private static void run(Path target, Writing writing) {
    if (Files.isDirectory(target)) {
      throw WeightsException.of(target, "it is a folder", "name a file in it");
    }
    try {
      writing.run();
    } catch (IOException e) {
      throw WeightsException.writing(target, e);
    }
  }
}
