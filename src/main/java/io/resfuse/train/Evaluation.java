package io.resfuse.train;

import java.util.List;

/**
 * How a network does on a data set.
 *
 * @param pictures that were classified
 * @param unreadable pictures that were left out
 * @param loss mean cross-entropy, without label smoothing
 * @param top1 share of pictures whose own class has the largest logit, 0 to 1
 * @param top5 share of pictures whose own class is among the five largest, 0 to 1
 * @param confusion by true class (row) and predicted class the number of pictures
 * @param mistakes those with the largest loss, largest first
 * @param seconds that it took
 */
public record Evaluation(
    long pictures,
    long unreadable,
    double loss,
    double top1,
    double top5,
    ConfusionMatrix confusion,
    List<Mistake> mistakes,
    double seconds) {
  /**
   * Copies the list.
   *
   * @param pictures as in the record
   * @param unreadable as in the record
   * @param loss as in the record
   * @param top1 as in the record
   * @param top5 as in the record
   * @param confusion as in the record
   * @param mistakes as in the record
   * @param seconds as in the record
   */
  public Evaluation {
    mistakes = List.copyOf(mistakes);
  }
}
