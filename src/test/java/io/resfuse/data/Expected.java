package io.resfuse.data;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import java.util.zip.CRC32;

/** What make_expected.py wrote, from the class path. */
public final class Expected {
  private Expected() {}

  public static byte[] resource(String name) {
    try (InputStream stream =
        Objects.requireNonNull(Expected.class.getResourceAsStream(name), name)) {
      return stream.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public static List<String[]> table(String name) {
    return new String(resource(name), StandardCharsets.US_ASCII)
        .lines()
        .map(line -> line.split(" "))
        .toList();
  }

  public static String crc(byte[] bytes) {
    CRC32 crc = new CRC32();
    crc.update(bytes);
    return "%08x".formatted(crc.getValue());
  }
}
