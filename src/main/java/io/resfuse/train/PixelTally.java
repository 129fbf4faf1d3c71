package io.resfuse.train;

import io.resfuse.engine.Communicator;
import io.resfuse.train.metric.SegmentationMetric;
import io.resfuse.train.metric.SegmentationScores;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Counts how pixels are classified. */
final class PixelTally implements Tally {
  private final int classes;

  /** Pixels of a picture. */
  private final int plane;

  private final SegmentationMetric metric;
  private final float[] row;
  private final List<Double> losses = new ArrayList<>();
  private long pictures;
  private long pixels;

  PixelTally(int classes, int plane) {
    this.classes = classes;
    this.plane = plane;
    this.metric = new SegmentationMetric(classes);
    this.row = new float[classes];
  }

  @Override
  public void add(FloatBuffer logits, BatchStream batches) {
    int[] pictureLabels = batches.labels();
    int[] labels = PixelLoss.labels(batches);
    double sum = 0;
    for (int image = 0; image < pictureLabels.length; image++) {
      pictures += pictureLabels[image] >= 0 ? 1 : 0;
      for (int pixel = 0; pixel < plane; pixel++) {
        int label = labels[image * plane + pixel];
        if (label >= 0) {
          sum += add(logits, image * classes * plane + pixel, label);
        }
      }
    }
    losses.add(sum);
  }

  /** The pixel's loss. */
  private double add(FloatBuffer logits, int from, int label) {
    for (int i = 0; i < classes; i++) {
      row[i] = logits.get(from + i * plane);
    }
    int predicted = PixelLoss.largest(row, classes);
    metric.add(label, predicted);
    pixels++;
    double largest = predicted < 0 ? Double.NaN : row[predicted];
    double sum = 0;
    for (int i = 0; i < classes; i++) {
      sum += Math.exp(row[i] - largest);
    }
    return Math.log(sum) + largest - row[label];
  }

  @Override
  public Evaluation result(long unreadableHere, double seconds, Communicator processes) {
    int width = classes + 1;
    long[] own = new long[3 + classes * width];
    own[0] = pictures;
    own[1] = pixels;
    own[2] = unreadableHere;
    for (int label = 0; label < classes; label++) {
      for (int given = 0; given < width; given++) {
        own[3 + label * width + given] = metric.count(label, given);
      }
    }
    Totals totals = Totals.of(processes, own, losses);
    long[] sums = totals.counts();
    SegmentationMetric ofAll = new SegmentationMetric(classes);
    long[][] confusion = new long[classes][classes];
    for (int label = 0; label < classes; label++) {
      System.arraycopy(sums, 3 + label * width, confusion[label], 0, classes);
      for (int given = 0; given < width; given++) {
        ofAll.add(label, given, sums[3 + label * width + given]);
      }
    }
    SegmentationScores judged = ofAll.scores(Collections.nCopies(classes, ""));
    Map<Measure, Double> scores = new LinkedHashMap<>();
    scores.put(Measure.MEAN_IOU, judged.meanIou());
    scores.put(Measure.PIXEL_ACCURACY, judged.accuracy());
    return new Evaluation(
        sums[0],
        sums[2],
        totals.loss() / Math.max(sums[1], 1),
        scores,
        Measure.IOU,
        judged.classes().stream().map(SegmentationScores.OfClass::iou).toList(),
        new ConfusionMatrix(confusion),
        List.of(),
        seconds);
  }
}
