package io.resfuse.detect;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * Leaves out boxes that say again what a better one has said: greedily, best first, each box stays
 * unless it overlaps one that stays, of the same class, by more than a threshold. Stateless.
 */
public final class NonMaximumSuppression {
  private NonMaximumSuppression() {}

  /**
   * Chooses boxes.
   *
   * @param boxes (box, 4)
   * @param scores by box; equal ones are taken in their order, NaN last
   * @param labels by box; boxes of different classes leave each other alone
   * @param threshold intersection over union above which the worse of two is left out; 0.5 as a
   *     rule
   * @param most how many are wanted
   * @return which boxes stay, best first
   * @throws IllegalArgumentException if the arrays are of different numbers of boxes
   */
  public static int[] keep(float[] boxes, float[] scores, int[] labels, float threshold, int most) {
    int count = scores.length;
    if (labels.length != count || boxes.length != BoxList.CORNERS * count) {
      throw new IllegalArgumentException(
          "%d scores, %d labels and %s boxes do not belong together"
              .formatted(count, labels.length, boxes.length / (double) BoxList.CORNERS));
    }
    int[] order = bestFirst(scores);
    boolean[] gone = new boolean[count];
    int[] kept = new int[Math.min(count, Math.max(most, 0))];
    int size = 0;
    for (int i = 0; i < count && size < kept.length; i++) {
      int better = order[i];
      if (gone[better]) {
        continue;
      }
      kept[size++] = better;
      for (int j = i + 1; j < count; j++) {
        int worse = order[j];
        if (!gone[worse]
            && labels[worse] == labels[better]
            && Overlap.iou(boxes, better, boxes, worse) > threshold) {
          gone[worse] = true;
        }
      }
    }
    return Arrays.copyOf(kept, size);
  }

  /**
   * An order by scores.
   *
   * @param scores any
   * @return the indices, largest score first, equal ones in their order, NaN last
   */
  public static int[] bestFirst(float... scores) {
    Comparator<Integer> order =
        Comparator.<Integer, Boolean>comparing(i -> Float.isNaN(scores[i]))
            .thenComparing(i -> scores[i], Comparator.reverseOrder());
    return IntStream.range(0, scores.length)
        .boxed()
        .sorted(order)
        .mapToInt(Integer::intValue)
        .toArray();
  }
}
