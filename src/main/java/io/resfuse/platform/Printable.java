package io.resfuse.platform;

import java.util.List;

/**
 * Text of others as it may be shown: names of files, labels, what files say about themselves. A
 * terminal obeys control characters, and marks of direction let a line read as what it is not; both
 * are shown as {@code \}{@code u001b}, which in JSON is the same character. Stateless.
 */
public final class Printable {
  private Printable() {}

  /**
   * A value within a line.
   *
   * @param value any text
   * @return the same in one line, without control characters and marks of direction
   */
  public static String of(String value) {
    return escaped(value, false);
  }

  /**
   * Whole lines, of which only the values are not to be trusted.
   *
   * @param text any
   * @return the same without control characters and marks of direction, but with its line ends and
   *     tabs
   */
  public static String lines(String text) {
    return escaped(text, true);
  }

  /**
   * A message with values in it. Ours begin further lines with two spaces; another line break is a
   * value's.
   *
   * @param text of an exception, for instance
   * @return the same, as {@link #lines}, without further lines that are not indented
   */
  public static String message(String text) {
    return lines(text.replaceAll("\r?\n(?!  )", "\\\\u000a"));
  }

  /**
   * A list of which only the first values need to be seen.
   *
   * @param values any texts
   * @param most how many are shown at most, at least 1
   * @return these in one line, and whether there are more
   */
  public static String beginning(List<String> values, int most) {
    return of(String.join(", ", values.subList(0, Math.min(most, values.size()))))
        + (values.size() > most ? ", ..." : "");
  }

  private static String escaped(String text, boolean lines) {
    StringBuilder escaped = null;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean keep =
          !isHostile(c)
              || (lines
                  && (c == '\n'
                      || c == '\t'
                      || (c == '\r' && i + 1 < text.length() && text.charAt(i + 1) == '\n')));
      if (!keep && escaped == null) {
        escaped = new StringBuilder(text.length() + 16).append(text, 0, i);
      }
      if (escaped != null) {
        if (keep) {
          escaped.append(c);
        } else {
          escaped.append("\\u%04x".formatted((int) c));
        }
      }
    }
    return escaped == null ? text : escaped.toString();
  }

  /** Control characters, marks of direction, separators of lines and paragraphs. */
  private static boolean isHostile(char c) {
    return Character.isISOControl(c)
        || c == '\u061c'
        || c == '\u200e'
        || c == '\u200f'
        || (c >= '\u2028' && c <= '\u202e')
        || (c >= '\u2066' && c <= '\u2069');
  }
}
