package io.resfuse.train.metric;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Counts pixels by their class and the class that a network gave them, over as many pictures as are
 * added. Pixels of label {@link #IGNORED} do not count. Not thread-safe; adding allocates nothing.
 */
public final class SegmentationMetric {
  /** The label of pixels that do not count. */
  public static final int IGNORED = 255;

  private final int classes;

  /** By label and prediction; the last column is for pixels that were given no class. */
  private final long[][] counts;

  /**
   * A metric that has seen nothing.
   *
   * @param classes with the background, 1 to 255
   */
  public SegmentationMetric(int classes) {
    if (classes < 1 || classes > IGNORED) {
      throw new IllegalArgumentException(
          "a map has 1 to %d classes, got %d".formatted(IGNORED, classes));
    }
    this.classes = classes;
    this.counts = new long[classes][classes + 1];
  }

  /**
   * Adds a pixel.
   *
   * @param label 0 to classes - 1, or {@link #IGNORED}
   * @param predicted 0 to classes - 1; anything else is a class that is none
   * @throws IllegalArgumentException if there is no such class
   */
  public void add(int label, int predicted) {
    add(label, predicted, 1);
  }

  /**
   * Adds pixels that are alike.
   *
   * @param label as for {@link #add(int, int)}
   * @param predicted as for {@link #add(int, int)}
   * @param pixels how many
   * @throws IllegalArgumentException if there is no such class
   */
  public void add(int label, int predicted, long pixels) {
    if (label == IGNORED) {
      return;
    }
    if (label < 0 || label >= classes) {
      throw new IllegalArgumentException(
          "label %d: there are %d classes, and %d for what is ignored"
              .formatted(label, classes, IGNORED));
    }
    boolean isClass = predicted >= 0 && predicted < classes;
    counts[label][isClass ? predicted : classes] += pixels;
  }

  /**
   * How many pixels of a class were given a class so far.
   *
   * @param label 0 to classes - 1
   * @param predicted 0 to classes - 1, or the number of classes for what is none
   * @return pixels
   */
  public long count(int label, int predicted) {
    return counts[label][predicted];
  }

  /**
   * Adds a batch. A pixel's class is that of the largest logit, the first of equal ones; NaN is the
   * largest of none, so that a network which has diverged is wrong everywhere.
   *
   * @param maps (batch, height, width) of labels as unsigned bytes
   * @param height rows of a map
   * @param width columns of a map
   * @param logits (batch, classes, height, width)
   * @throws IllegalArgumentException if the sizes do not belong together, or a label is no class
   */
  public void add(ByteBuffer maps, int height, int width, FloatBuffer logits) {
    int plane = height * width;
    int images = maps.capacity() / plane;
    if (images * plane != maps.capacity() || logits.capacity() != (long) images * classes * plane) {
      throw new IllegalArgumentException(
          "%d labels and %d logits are not of the same pictures of %d x %d pixels and %d classes"
              .formatted(maps.capacity(), logits.capacity(), height, width, classes));
    }
    for (int image = 0; image < images; image++) {
      for (int pixel = 0; pixel < plane; pixel++) {
        int label = maps.get(image * plane + pixel) & 0xff;
        if (label != IGNORED) {
          add(label, largest(logits, image * classes * plane + pixel, plane));
        }
      }
    }
  }

  private int largest(FloatBuffer logits, int from, int step) {
    int predicted = -1;
    float largest = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < classes; i++) {
      float logit = logits.get(from + i * step);
      if (logit > largest) {
        largest = logit;
        predicted = i;
      }
    }
    return predicted;
  }

  /**
   * Adds what another has counted.
   *
   * @param other of the same number of classes
   */
  public void add(SegmentationMetric other) {
    if (other.classes != classes) {
      throw new IllegalArgumentException(
          "metrics of %d and %d classes cannot be added".formatted(classes, other.classes));
    }
    for (int label = 0; label < classes; label++) {
      for (int i = 0; i <= classes; i++) {
        counts[label][i] += other.counts[label][i];
      }
    }
  }

  /**
   * What has come out so far.
   *
   * @param names of the classes
   * @return the scores
   */
  public SegmentationScores scores(List<String> names) {
    if (names.size() != classes) {
      throw new IllegalArgumentException(
          "%d names for %d classes".formatted(names.size(), classes));
    }
    List<SegmentationScores.OfClass> all = new ArrayList<>();
    double sum = 0;
    int present = 0;
    long right = 0;
    long pixels = 0;
    for (int i = 0; i < classes; i++) {
      long labelled = 0;
      long predicted = 0;
      for (int j = 0; j < classes; j++) {
        labelled += counts[i][j];
        predicted += counts[j][i];
      }
      labelled += counts[i][classes];
      long union = labelled + predicted - counts[i][i];
      double iou = union == 0 ? Double.NaN : (double) counts[i][i] / union;
      if (union > 0) {
        sum += iou;
        present++;
      }
      right += counts[i][i];
      pixels += labelled;
      all.add(new SegmentationScores.OfClass(names.get(i), labelled, predicted, iou));
    }
    return new SegmentationScores(
        present == 0 ? Double.NaN : sum / present,
        pixels == 0 ? Double.NaN : (double) right / pixels,
        pixels,
        all);
  }
}
