package io.resfuse.train;

import java.util.Locale;

/** How constants are written in recipes. */
final class Names {
  private Names() {}

  static String lower(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
