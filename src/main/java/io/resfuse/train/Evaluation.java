package io.resfuse.train;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How a network does on a data set.
 *
 * @param pictures that were looked at
 * @param unreadable pictures that were left out
 * @param loss mean cross-entropy of the pictures, or of the pixels that have a label, without label
 *     smoothing
 * @param scores of all pictures, the one that decides which of several evaluations is the best
 *     first; NaN where there is nothing to measure
 * @param classMeasure what is measured of each class
 * @param classScores by class; NaN where there is nothing to measure
 * @param confusion by true class (row) and given class the number of pictures or pixels; pixels
 *     whose logits are all NaN are in no column
 * @param mistakes those with the largest loss, largest first; none of pixels
 * @param seconds that it took
 */
public record Evaluation(
    long pictures,
    long unreadable,
    double loss,
    Map<Measure, Double> scores,
    Measure classMeasure,
    List<Double> classScores,
    ConfusionMatrix confusion,
    List<Mistake> mistakes,
    double seconds) {
  /**
   * Copies the collections.
   *
   * @param pictures as in the record
   * @param unreadable as in the record
   * @param loss as in the record
   * @param scores as in the record
   * @param classMeasure as in the record
   * @param classScores as in the record
   * @param confusion as in the record
   * @param mistakes as in the record
   * @param seconds as in the record
   */
  public Evaluation {
    scores = Collections.unmodifiableMap(new LinkedHashMap<>(scores));
    classScores = List.copyOf(classScores);
    mistakes = List.copyOf(mistakes);
  }

  /**
   * A score of all pictures.
   *
   * @param measure what is wanted
   * @return 0 to 1, or NaN
   * @throws IllegalArgumentException if the network's task has no such measure
   */
  public double score(Measure measure) {
    Double score = scores.get(measure);
    if (score == null) {
      throw new IllegalArgumentException(
          "%s was not measured, but %s".formatted(measure, scores.keySet()));
    }
    return score;
  }

  /**
   * What decides which of several evaluations is the best.
   *
   * @return the first of {@link #scores}
   */
  public Measure mainMeasure() {
    return scores.keySet().iterator().next();
  }

  /**
   * The score that decides which of several evaluations is the best.
   *
   * @return that of {@link #mainMeasure}
   */
  public double mainScore() {
    return score(mainMeasure());
  }
}
