package io.resfuse.train.recipe;

import java.util.Locale;

/** How constants are written in recipes. */
final class ConstantNames {
  private ConstantNames() {}

  static String lower(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
