package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.platform.FileNames;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.Charset;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Lines of comma-separated fields as in RFC 4180, in UTF-8, or in UTF-16 with a byte order mark.
 * Fields that begin with a quote may hold commas and line breaks; lines end as on Unix, Windows or
 * old Macs.
 */
final class Csv {
  private Csv() {}

  /**
   * A line, or several where a quoted field goes over them.
   *
   * @param number of its first line in the file, from 1
   * @param fields at least one
   */
  record Line(int number, List<String> fields) {
    Line {
      fields = List.copyOf(fields);
    }

    boolean isBlank() {
      return fields.size() == 1 && fields.get(0).isBlank();
    }
  }

  /**
   * Reads a file.
   *
   * @throws DataException naming the line if it is no such text
   */
  static List<Line> read(Path file) {
    byte[] bytes;
    try {
      bytes = Files.readAllBytes(file);
    } catch (IOException e) {
      String problem = Files.exists(file) ? e.toString() : "no such file";
      throw new DataException(FileNames.shown(file) + ": cannot be read: " + problem, e);
    }
    return parse(FileNames.shown(file), bytes);
  }

  /** Reads the contents of a file that messages call so. */
  static List<Line> parse(String file, byte[] bytes) {
    return lines(file, text(file, bytes));
  }

  private static String text(String file, byte[] bytes) {
    if (startsWith(bytes, 0xef, 0xbb, 0xbf)) {
      return decoded(file, bytes, 3, StandardCharsets.UTF_8);
    }
    if (startsWith(bytes, 0xff, 0xfe)) {
      return decoded(file, bytes, 2, StandardCharsets.UTF_16LE);
    }
    if (startsWith(bytes, 0xfe, 0xff)) {
      return decoded(file, bytes, 2, StandardCharsets.UTF_16BE);
    }
    return decoded(file, bytes, 0, StandardCharsets.UTF_8);
  }

  private static boolean startsWith(byte[] bytes, int... mark) {
    for (int i = 0; i < mark.length; i++) {
      if (i >= bytes.length || (bytes[i] & 0xff) != mark[i]) {
        return false;
      }
    }
    return true;
  }

  private static String decoded(String file, byte[] bytes, int from, Charset charset) {
    CharsetDecoder decoder =
        charset
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer in = ByteBuffer.wrap(bytes, from, bytes.length - from);
    CharBuffer out = CharBuffer.allocate(bytes.length - from);
    CoderResult result = decoder.decode(in, out, true);
    String text = out.flip().toString();
    if (result.isError()) {
      throw new DataException(
          "%s:%d: is not %s (byte 0x%02x); save the list as UTF-8"
              .formatted(file, 1 + breaks(text), charset.name(), bytes[in.position()] & 0xff));
    }
    return text;
  }

  private static long breaks(String text) {
    return text.lines().count() - (text.isEmpty() || endsLine(text) ? 0 : 1);
  }

  private static boolean endsLine(String text) {
    char last = text.charAt(text.length() - 1);
    return last == '\n' || last == '\r';
  }

  private static List<Line> lines(String file, String text) {
    List<Line> lines = new ArrayList<>();
    List<String> fields = new ArrayList<>();
    StringBuilder field = new StringBuilder();
    boolean quoted = false;
    int number = 1;
    int first = 1;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '\0') {
        throw new DataException(
            "%s:%d: has a NUL character, so it is no text in UTF-8; save the list as UTF-8"
                .formatted(file, number));
      }
      boolean next = i + 1 < text.length();
      boolean lineEnd = c == '\n' || (c == '\r' && !(next && text.charAt(i + 1) == '\n'));
      number += lineEnd ? 1 : 0;
      if (quoted) {
        if (c != '"') {
          field.append(c);
        } else if (next && text.charAt(i + 1) == '"') {
          field.append('"');
          i++;
        } else {
          quoted = false;
        }
      } else if (c == '"' && field.toString().isBlank()) {
        field.setLength(0);
        quoted = true;
      } else if (c == ',' || lineEnd) {
        fields.add(field.toString());
        field.setLength(0);
        if (lineEnd) {
          lines.add(new Line(first, fields));
          fields.clear();
          first = number;
        }
      } else if (c != '\r') {
        field.append(c);
      }
    }
    if (quoted) {
      throw new DataException(
          "%s:%d: a quote is opened in this line and never closed".formatted(file, first));
    }
    if (!fields.isEmpty() || !field.isEmpty()) {
      fields.add(field.toString());
      lines.add(new Line(first, fields));
    }
    return lines;
  }

  /** A field as it is written. */
  static String quoted(String field) {
    return '"' + field.replace("\"", "\"\"") + '"';
  }
}
