package io.resfuse.data.augment;

/** Checks of parameters. */
final class Probabilities {
  private Probabilities() {}

  static void check(String what, double probability) {
    if (!(probability >= 0 && probability <= 1)) {
      throw new IllegalArgumentException(what + ": a probability is 0 to 1, got " + probability);
    }
  }
}
