package io.resfuse.train;

import io.resfuse.engine.Communicator;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/** Counts how pictures are classified. */
final class PictureTally implements Tally {
  private static final Comparator<Mistake> WORST_LAST =
      Comparator.comparingDouble(Mistake::loss)
          .thenComparing(Comparator.comparingInt(Mistake::sample).reversed());

  private final int classes;
  private final int mistakes;
  private final long[][] confusion;
  private final PriorityQueue<Mistake> worst = new PriorityQueue<>(WORST_LAST);
  private long pictures;
  private long first;
  private long firstFive;

  /** By batch, so that the sum does not depend on which process had which batches. */
  private final List<Double> losses = new ArrayList<>();

  PictureTally(int classes, int mistakes) {
    this.classes = classes;
    this.mistakes = mistakes;
    this.confusion = new long[classes][classes];
  }

  @Override
  public void add(FloatBuffer logits, BatchStream batches) {
    add(logits, batches.labels(), batches.samples());
  }

  /** Adds a batch; places with label -1 do not count. */
  void add(FloatBuffer logits, int[] labels, int[] samples) {
    double sum = 0;
    for (int i = 0; i < labels.length; i++) {
      if (labels[i] >= 0) {
        sum += add(logits, i * classes, labels[i], samples[i]);
      }
    }
    losses.add(sum);
  }

  /** The picture's loss. */
  private double add(FloatBuffer logits, int from, int label, int sample) {
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
    first += rank == 0 ? 1 : 0;
    firstFive += rank < 5 ? 1 : 0;
    confusion[label][predicted]++;
    if (predicted != label) {
      note(new Mistake(sample, label, predicted, 1 / sum, Math.exp(-loss), loss));
    }
    return loss;
  }

  private void note(Mistake mistake) {
    worst.add(mistake);
    if (worst.size() > mistakes) {
      worst.remove();
    }
  }

  @Override
  public Evaluation result(long unreadableHere, double seconds, Communicator processes) {
    long[] own = new long[4 + classes * classes];
    own[0] = pictures;
    own[1] = first;
    own[2] = firstFive;
    own[3] = unreadableHere;
    for (int label = 0; label < classes; label++) {
      System.arraycopy(confusion[label], 0, own, 4 + label * classes, classes);
    }
    Totals totals = Totals.of(processes, own, losses);
    long[] sums = totals.counts();
    long[][] confusionOfAll = new long[classes][classes];
    for (int label = 0; label < classes; label++) {
      System.arraycopy(sums, 4 + label * classes, confusionOfAll[label], 0, classes);
    }
    ConfusionMatrix matrix = new ConfusionMatrix(confusionOfAll);
    List<Mistake> sorted = new ArrayList<>(worst);
    sorted.sort(WORST_LAST.reversed());
    double count = Math.max(sums[0], 1);
    Map<Measure, Double> scores = new LinkedHashMap<>();
    scores.put(Measure.TOP1, sums[1] / count);
    scores.put(Measure.TOP5, sums[2] / count);
    return new Evaluation(
        sums[0],
        sums[3],
        totals.loss() / count,
        scores,
        Measure.RECALL,
        recalls(matrix),
        matrix,
        sorted,
        seconds);
  }

  private static List<Double> recalls(ConfusionMatrix matrix) {
    List<Double> recalls = new ArrayList<>();
    for (int label = 0; label < matrix.classes(); label++) {
      recalls.add((double) matrix.count(label, label) / matrix.of(label));
    }
    return recalls;
  }
}
