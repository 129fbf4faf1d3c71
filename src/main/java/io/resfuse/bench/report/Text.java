package io.resfuse.bench.report;

import java.util.Locale;

/** Numbers as text, the same in every country. */
final class Text {
  private Text() {}

  static String of(String format, Object... arguments) {
    return String.format(Locale.ROOT, format, arguments);
  }

  /** With three digits or more, none of them after a number above 1000. */
  static String number(double value) {
    double size = Math.abs(value);
    return of(size >= 1000 ? "%.0f" : size >= 100 ? "%.1f" : size >= 1 ? "%.2f" : "%.3g", value);
  }
}
