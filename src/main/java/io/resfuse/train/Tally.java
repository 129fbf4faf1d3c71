package io.resfuse.train;

import io.resfuse.engine.Communicator;
import io.resfuse.engine.Gathering;
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

  /** By batch, so that the sum does not depend on which process had which batches. */
  private final List<Double> losses = new ArrayList<>();

  Tally(int classes, int mistakes) {
    this.classes = classes;
    this.mistakes = mistakes;
    this.confusion = new int[classes][classes];
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

  /**
   * What all processes have counted. The mistakes are this process's.
   *
   * @param processes that have other batches, in the order of their numbers
   */
  Evaluation result(long unreadableHere, double seconds, Communicator processes) {
    int most = 0;
    for (long batches : new Gathering(processes, 1).run(losses.size())) {
      most = Math.max(most, (int) batches);
    }
    int fixed = 5 + classes * classes;
    long[] own = new long[fixed + most];
    own[0] = pictures;
    own[1] = first;
    own[2] = firstFive;
    own[3] = unreadableHere;
    own[4] = losses.size();
    for (int i = 0; i < classes * classes; i++) {
      own[5 + i] = confusion[i / classes][i % classes];
    }
    for (int i = 0; i < losses.size(); i++) {
      own[fixed + i] = Double.doubleToRawLongBits(losses.get(i));
    }
    long[] all = new Gathering(processes, own.length).run(own);
    long[] sums = new long[fixed];
    double lossSum = 0;
    for (int begin = 0; begin < all.length; begin += own.length) {
      for (int i = 0; i < fixed; i++) {
        sums[i] += all[begin + i];
      }
      for (int i = 0; i < all[begin + 4]; i++) {
        lossSum += Double.longBitsToDouble(all[begin + fixed + i]);
      }
    }
    int[][] confusionOfAll = new int[classes][classes];
    for (int i = 0; i < classes * classes; i++) {
      confusionOfAll[i / classes][i % classes] = (int) sums[5 + i];
    }
    List<Mistake> sorted = new ArrayList<>(worst);
    sorted.sort(WORST_LAST.reversed());
    double count = Math.max(sums[0], 1);
    return new Evaluation(
        sums[0],
        sums[3],
        lossSum / count,
        sums[1] / count,
        sums[2] / count,
        new ConfusionMatrix(confusionOfAll),
        sorted,
        seconds);
  }
}
