package io.resfuse.train;

import java.nio.FloatBuffer;

/** The place of a label among the logits. */
final class Ranks {
  private Ranks() {}

  /**
   * How many classes come before a label: those with a larger logit, and those with the same logit
   * and a smaller number. All do if the label's logit is NaN.
   */
  static int of(FloatBuffer logits, int from, int classes, int label) {
    float own = logits.get(from + label);
    if (Float.isNaN(own)) {
      return classes;
    }
    int before = 0;
    for (int i = 0; i < classes; i++) {
      float other = logits.get(from + i);
      if (other > own || (other == own && i < label) || Float.isNaN(other)) {
        before++;
      }
    }
    return before;
  }
}
