package io.resfuse.train.metric;

import java.util.Locale;

/** Scores as text. */
final class Scores {
  private Scores() {}

  /** A name and a share of 1 in percent, a dash for NaN. */
  static String line(String name, double share, String more) {
    String percent =
        Double.isNaN(share) ? "      -" : String.format(Locale.ROOT, "%6.2f%%", 100 * share);
    return String.format(Locale.ROOT, "%-20s %s%s%n", name, percent, more);
  }
}
