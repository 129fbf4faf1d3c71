package io.resfuse.train.metric;

import io.resfuse.detect.BoxList;
import io.resfuse.detect.NonMaximumSuppression;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Average precision as COCO defines it (cocodataset.org, "Detection evaluation"), over as many
 * pictures as are added.
 *
 * <p>For each class, threshold t of intersection over union and range of areas: of each picture the
 * {@link #MOST} best detections of the class are taken, best first. Each is matched to the object
 * that it overlaps most of those that are not matched yet, by t or more. Objects that are ignored
 * (crowds, and those outside of the range) are matched only where there is no other; such
 * detections, and those without an object whose own area is outside of the range, do not count. A
 * crowd may be matched many times, and the overlap with it is the share of the detection's area.
 * All pictures' detections together, best first, then give precision as a function of recall; the
 * average is over the 101 recalls 0, 0.01, ..., 1 of the largest precision at that recall or above.
 *
 * <p>Not thread-safe.
 */
public final class DetectionMetric {
  /** Detections of a class in a picture that are looked at. */
  public static final int MOST = 100;

  private static final int THRESHOLDS = 10;
  private static final int RECALLS = 101;
  private static final double[] LEAST_AREA = {0, 0, 32 * 32, 96 * 96};
  private static final double[] MOST_AREA = {1e10, 32 * 32, 96 * 96, 1e10};
  private static final int ALL = 0;
  private static final int RANGES = LEAST_AREA.length;

  private final List<OfClass> classes = new ArrayList<>();

  /** What was found of one class, over all pictures. */
  private static final class OfClass {
    private final int[] objects = new int[RANGES];
    private final List<Found> found = new ArrayList<>();
  }

  /** A detection. */
  private static final class Found {
    private final float score;

    /** By range of areas, a bit per threshold at which it has found an object. */
    private final int[] right = new int[RANGES];

    /** By range of areas, a bit per threshold at which it does not count. */
    private final int[] ignored = new int[RANGES];

    Found(float score) {
      this.score = score;
    }
  }

  /**
   * A metric that has seen nothing.
   *
   * @param count of the classes, without a background
   */
  public DetectionMetric(int count) {
    for (int i = 0; i < count; i++) {
      classes.add(new OfClass());
    }
  }

  /**
   * Adds a picture.
   *
   * @param objects that are there
   * @param detections that were made; only their boxes and labels count
   * @param scores of the detections; NaN comes last
   * @throws IllegalArgumentException if there is not a score per detection, or no such class
   */
  public void add(BoxList objects, BoxList detections, float[] scores) {
    if (scores.length != detections.size()) {
      throw new IllegalArgumentException(
          "%d detections with %d scores".formatted(detections.size(), scores.length));
    }
    requireClasses(objects);
    requireClasses(detections);
    int[] order = NonMaximumSuppression.bestFirst(scores);
    for (int label = 0; label < classes.size(); label++) {
      add(label, objects, detections, scores, order);
    }
  }

  private void requireClasses(BoxList boxes) {
    for (int i = 0; i < boxes.size(); i++) {
      if (boxes.label(i) < 0 || boxes.label(i) >= classes.size()) {
        throw new IllegalArgumentException(
            "label %d: there are %d classes".formatted(boxes.label(i), classes.size()));
      }
    }
  }

  private void add(int label, BoxList objects, BoxList detections, float[] scores, int[] order) {
    int[] own =
        Arrays.stream(order).filter(i -> detections.label(i) == label).limit(MOST).toArray();
    int[] wanted = new int[objects.size()];
    int count = 0;
    for (int i = 0; i < objects.size(); i++) {
      if (objects.label(i) == label) {
        wanted[count++] = i;
      }
    }
    wanted = Arrays.copyOf(wanted, count);
    double[][] overlaps = new double[own.length][count];
    List<Found> found = new ArrayList<>();
    for (int d = 0; d < own.length; d++) {
      for (int o = 0; o < count; o++) {
        overlaps[d][o] = overlap(detections, own[d], objects, wanted[o]);
      }
      found.add(new Found(scores[own[d]]));
    }
    OfClass all = classes.get(label);
    for (int range = 0; range < RANGES; range++) {
      boolean[] ignored = new boolean[count];
      for (int o = 0; o < count; o++) {
        double area = objects.area(wanted[o]);
        ignored[o] = objects.ignored(wanted[o]) || isOutside(area, range);
        all.objects[range] += ignored[o] ? 0 : 1;
      }
      for (int step = 0; step < THRESHOLDS; step++) {
        boolean[] taken = new boolean[count];
        for (int d = 0; d < own.length; d++) {
          int best = best(overlaps[d], ignored, taken, (50 + 5 * step) / 100.0);
          if (best < 0) {
            if (isOutside(area(detections, own[d]), range)) {
              found.get(d).ignored[range] |= 1 << step;
            }
            continue;
          }
          taken[best] = !objects.ignored(wanted[best]);
          if (ignored[best]) {
            found.get(d).ignored[range] |= 1 << step;
          } else {
            found.get(d).right[range] |= 1 << step;
          }
        }
      }
    }
    all.found.addAll(found);
  }

  /** The object with the largest overlap, one that counts if there is any; -1 for none. */
  private static int best(double[] overlaps, boolean[] ignored, boolean[] taken, double threshold) {
    int best = -1;
    for (int o = 0; o < overlaps.length; o++) {
      if (taken[o] || !(overlaps[o] >= threshold)) {
        continue;
      }
      if (best < 0
          || (ignored[best] && !ignored[o])
          || (ignored[best] == ignored[o] && overlaps[o] >= overlaps[best])) {
        best = o;
      }
    }
    return best;
  }

  private static boolean isOutside(double area, int range) {
    return area < LEAST_AREA[range] || area > MOST_AREA[range];
  }

  private static double area(BoxList boxes, int i) {
    return ((double) boxes.right(i) - boxes.left(i)) * ((double) boxes.bottom(i) - boxes.top(i));
  }

  private static double overlap(BoxList detections, int d, BoxList objects, int o) {
    double width =
        (double) Math.min(detections.right(d), objects.right(o))
            - Math.max(detections.left(d), objects.left(o));
    double height =
        (double) Math.min(detections.bottom(d), objects.bottom(o))
            - Math.max(detections.top(d), objects.top(o));
    if (width <= 0 || height <= 0) {
      return 0;
    }
    double common = width * height;
    double all = objects.ignored(o) ? 0 : area(objects, o) - common;
    return common / (area(detections, d) + all);
  }

  /**
   * What has come out so far.
   *
   * @param names of the classes
   * @return the scores
   */
  public DetectionScores scores(List<String> names) {
    if (names.size() != classes.size()) {
      throw new IllegalArgumentException(
          "%d names for %d classes".formatted(names.size(), classes.size()));
    }
    Mean[] precision = new Mean[RANGES];
    Arrays.setAll(precision, range -> new Mean());
    Mean at50 = new Mean();
    Mean at75 = new Mean();
    Mean recall = new Mean();
    List<DetectionScores.OfClass> each = new ArrayList<>();
    for (int label = 0; label < classes.size(); label++) {
      OfClass one = classes.get(label);
      List<Found> order = sorted(one.found);
      Mean own = new Mean();
      double own50 = Double.NaN;
      for (int step = 0; step < THRESHOLDS; step++) {
        for (int range = 0; range < RANGES; range++) {
          if (one.objects[range] == 0) {
            continue;
          }
          double average = average(order, one.objects[range], range, step);
          precision[range].add(average);
          if (range == ALL) {
            own.add(average);
            recall.add(recall(order, one.objects[ALL], step));
            if (step == 0) {
              own50 = average;
              at50.add(average);
            } else if (step == 5) {
              at75.add(average);
            }
          }
        }
      }
      each.add(new DetectionScores.OfClass(names.get(label), one.objects[ALL], own.get(), own50));
    }
    return new DetectionScores(
        precision[ALL].get(),
        at50.get(),
        at75.get(),
        precision[1].get(),
        precision[2].get(),
        precision[3].get(),
        recall.get(),
        each);
  }

  private static List<Found> sorted(List<Found> found) {
    float[] scores = new float[found.size()];
    for (int i = 0; i < scores.length; i++) {
      scores[i] = found.get(i).score;
    }
    return Arrays.stream(NonMaximumSuppression.bestFirst(scores)).mapToObj(found::get).toList();
  }

  /** The mean over 101 recalls of the largest precision at that recall or above. */
  private static double average(List<Found> order, int objects, int range, int step) {
    int[] right = new int[order.size()];
    double[] precision = new double[order.size()];
    int count = 0;
    int rightSoFar = 0;
    for (Found found : order) {
      if ((found.ignored[range] >> step & 1) == 0) {
        rightSoFar += found.right[range] >> step & 1;
        right[count] = rightSoFar;
        precision[count] = (double) rightSoFar / (count + 1);
        count++;
      }
    }
    for (int i = count - 2; i >= 0; i--) {
      precision[i] = Math.max(precision[i], precision[i + 1]);
    }
    double sum = 0;
    int at = 0;
    for (int recall = 0; recall < RECALLS; recall++) {
      // In whole numbers, so that a recall of 57 of 100 is one of 0.57.
      while (at < count && (RECALLS - 1L) * right[at] < (long) recall * objects) {
        at++;
      }
      sum += at < count ? precision[at] : 0;
    }
    return sum / RECALLS;
  }

  private static double recall(List<Found> order, int objects, int step) {
    long right = order.stream().filter(found -> (found.right[ALL] >> step & 1) == 1).count();
    return (double) right / objects;
  }

  /** NaN as long as there is nothing. */
  private static final class Mean {
    private double sum;
    private int count;

    void add(double value) {
      sum += value;
      count++;
    }

    double get() {
      return count == 0 ? Double.NaN : sum / count;
    }
  }
}
