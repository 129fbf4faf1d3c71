package io.resfuse.train;

import io.resfuse.engine.Communicator;
import io.resfuse.engine.Gathering;
import java.util.List;

/** What all processes have counted in an evaluation. Immutable as long as nobody writes to it. */
final class Totals {
  private final long[] counts;
  private final double loss;

  private Totals(long[] counts, double loss) {
    this.counts = counts;
    this.loss = loss;
  }

  /** The sums over the processes. */
  long[] counts() {
    return counts;
  }

  /**
   * The sum over the batches, in the order of the processes, so that it does not depend on which
   * process had which batches.
   */
  double loss() {
    return loss;
  }

  /** Gathers the same counts of all processes, and the sum of losses of each of their batches. */
  static Totals of(Communicator processes, long[] counts, List<Double> losses) {
    int most = 0;
    for (long batches : new Gathering(processes, 1).run(losses.size())) {
      most = Math.max(most, (int) batches);
    }
    int fixed = counts.length;
    long[] own = new long[fixed + 1 + most];
    System.arraycopy(counts, 0, own, 0, fixed);
    own[fixed] = losses.size();
    for (int i = 0; i < losses.size(); i++) {
      own[fixed + 1 + i] = Double.doubleToRawLongBits(losses.get(i));
    }
    long[] all = new Gathering(processes, own.length).run(own);
    long[] sums = new long[fixed];
    double loss = 0;
    for (int begin = 0; begin < all.length; begin += own.length) {
      for (int i = 0; i < fixed; i++) {
        sums[i] += all[begin + i];
      }
      for (int i = 0; i < all[begin + fixed]; i++) {
        loss += Double.longBitsToDouble(all[begin + fixed + 1 + i]);
      }
    }
    return new Totals(sums, loss);
  }
}
