package io.resfuse;

import java.util.Locale;

/**
 * One class that a picture may show.
 *
 * @param index of the class
 * @param label its name, {@code class 7} where the model has no names
 * @param probability of it, from the softmax over all classes
 */
public record Prediction(int index, String label, double probability) {
  /** The probability and the label. */
  @Override
  public String toString() {
    return String.format(Locale.ROOT, "%.4f %s", probability, label);
  }
}
