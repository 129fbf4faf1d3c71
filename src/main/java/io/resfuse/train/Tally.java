package io.resfuse.train;

import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;

/** Counts what becomes of pictures in an evaluation. Not thread-safe. */
final class Tally {
  private static final Comparator<Mistake> WORST_LAST =
      Comparator.comparingDouble(Mistake::loss)
          .thenComparing(Comparator.comparingInt(Mistake::sample).reversed());

  private final int classes;
  private final int mistakes;
  private final int[][] confusion;
  private final PriorityQueue<Mistake> worst = new PriorityQueue<>(WORST_LAST);
  private long pictures;
  private long first;
  private long firstFive;
  private double lossSum;

  Tally(int classes, int mistakes) {
    this.classes = classes;
    this.mistakes = mistakes;
    this.confusion = new int[classes][classes];
  }

  /** Adds a batch; places with label -1 do not count. */
  void add(FloatBuffer logits, int[] labels, int[] samples) {
    for (int i = 0; i < labels.length; i++) {
      if (labels[i] >= 0) {
        add(logits, i * classes, labels[i], samples[i]);
      }
    }
  }

  private void add(FloatBuffer logits, int from, int label, int sample) {
    int predicted = 0;
    for (int i = 1; i < classes; i++) {
      if (logits.get(from + i) > logits.get(from + predicted)) {
        predicted = i;
      }
    }
    double largest = logits.get(from + predicted);
    double sum = 0;
    for (int i = 0; i < classes; i++) {
      sum += Math.exp(logits.get(from + i) - largest);
    }
    double loss = Math.log(sum) + largest - logits.get(from + label);
    int rank = Ranks.of(logits, from, classes, label);
    pictures++;
    lossSum += loss;
    first += rank == 0 ? 1 : 0;
    firstFive += rank < 5 ? 1 : 0;
    confusion[label][predicted]++;
    if (predicted != label) {
      note(new Mistake(sample, label, predicted, 1 / sum, Math.exp(-loss), loss));
    }
  }

  private void note(Mistake mistake) {
    worst.add(mistake);
    if (worst.size() > mistakes) {
      worst.remove();
    }
  }

  Evaluation result(long unreadable, double seconds) {
    List<Mistake> sorted = new ArrayList<>(worst);
    sorted.sort(WORST_LAST.reversed());
    double count = Math.max(pictures, 1);
    return new Evaluation(
        pictures,
        unreadable,
        lossSum / count,
        first / count,
        firstFive / count,
        new ConfusionMatrix(confusion),
        sorted,
        seconds);
  }
}
