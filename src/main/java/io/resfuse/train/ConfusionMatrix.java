package io.resfuse.train;

import java.util.Arrays;

/** How often pictures, or pixels, of each class were taken for each class. Immutable. */
public final class ConfusionMatrix {
  private final long[][] counts;

  /**
   * A matrix.
   *
   * @param counts by true class (row) and predicted class; copied
   * @throws IllegalArgumentException if it is not square
   */
  public ConfusionMatrix(long[][] counts) {
    this.counts = new long[counts.length][];
    for (int i = 0; i < counts.length; i++) {
      if (counts[i].length != counts.length) {
        throw new IllegalArgumentException("a confusion matrix is square");
      }
      this.counts[i] = counts[i].clone();
    }
  }

  /**
   * The number of classes.
   *
   * @return at least 0
   */
  public int classes() {
    return counts.length;
  }

  /**
   * How often a class was taken for another.
   *
   * @param label the true class
   * @param predicted the class that the network gave
   * @return pictures or pixels
   */
  public long count(int label, int predicted) {
    return counts[label][predicted];
  }

  /**
   * The pictures or pixels of a class.
   *
   * @param label the true class
   * @return their number
   */
  public long of(int label) {
    return Arrays.stream(counts[label]).sum();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ConfusionMatrix that && Arrays.deepEquals(counts, that.counts);
  }

  @Override
  public int hashCode() {
    return Arrays.deepHashCode(counts);
  }

  @Override
  public String toString() {
    return Arrays.deepToString(counts);
  }
}
