package io.resfuse.train.metric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.resfuse.detect.BoxList;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Cases by hand, and a second implementation, which follows the definition without any economy. */
class DetectionMetricTest {
  private static final int CLASSES = 3;
  private static final List<String> NAMES = List.of("a", "b", "c");

  private static final class Picture {
    private final BoxList objects;
    private final BoxList detections;
    private final float[] scores;

    Picture(BoxList objects, BoxList detections, float[] scores) {
      this.objects = objects;
      this.detections = detections;
      this.scores = scores;
    }
  }

  private static DetectionScores scores(List<Picture> pictures) {
    DetectionMetric metric = new DetectionMetric(CLASSES);
    pictures.forEach(p -> metric.add(p.objects, p.detections, p.scores));
    return metric.scores(NAMES);
  }

  private static BoxList boxes(double... numbers) {
    BoxList list = new BoxList();
    for (int i = 0; i < numbers.length; i += 5) {
      list.add(
          (float) numbers[i],
          (float) numbers[i + 1],
          (float) numbers[i + 2],
          (float) numbers[i + 3],
          (int) numbers[i + 4]);
    }
    return list;
  }

  @Test
  void everythingFound() {
    BoxList objects = boxes(0, 0, 10, 10, 0, 20, 20, 70, 70, 1, 0, 0, 100, 100, 1);
    DetectionScores scores =
        scores(List.of(new Picture(objects, objects, new float[] {.9f, .1f, .5f})));
    assertThat(scores.map()).isEqualTo(1);
    assertThat(scores.map50()).isEqualTo(1);
    assertThat(scores.map75()).isEqualTo(1);
    assertThat(scores.small()).isEqualTo(1);
    assertThat(scores.medium()).isEqualTo(1);
    assertThat(scores.large()).isEqualTo(1);
    assertThat(scores.recall()).isEqualTo(1);
    assertThat(scores.classes().get(1).objects()).isEqualTo(2);
    assertThat(scores.classes().get(2).ap()).isNaN();
    assertThat(scores.table().lines())
        .contains("c                          -  0 objects", "mAP 0.50:0.95        100.00%");
  }

  /**
   * Two objects; detections best first: wrong, right, right. Precisions 0, 1/2, 2/3 at recalls 0,
   * 1/2, 1, so 2/3 at every recall.
   */
  @Test
  void aWrongOneFirst() {
    DetectionScores scores =
        scores(
            List.of(
                new Picture(
                    boxes(0, 0, 10, 10, 0, 20, 20, 30, 30, 0),
                    boxes(50, 50, 60, 60, 0, 0, 0, 10, 10, 0, 20, 20, 30, 30, 0),
                    new float[] {.9f, .8f, .7f})));
    assertThat(scores.map()).isCloseTo(2.0 / 3, within(1e-15));
  }

  /**
   * A half found: precision 1 up to recall 1/2, which 51 of the 101 recalls are. The box overlaps
   * by 0.6, so at three thresholds of ten; found twice, it is found once.
   */
  @Test
  void halfAndTwice() {
    DetectionScores scores =
        scores(
            List.of(
                new Picture(
                    boxes(0, 0, 10, 10, 0, 20, 20, 30, 30, 0),
                    boxes(0, 0, 10, 6, 0, 0, 0, 10, 6, 0),
                    new float[] {.9f, .8f})));
    assertThat(scores.map50()).isCloseTo(51.0 / 101, within(1e-15));
    assertThat(scores.map()).isCloseTo(0.3 * 51 / 101, within(1e-15));
    assertThat(scores.map75()).isZero();
    assertThat(scores.recall()).isCloseTo(0.15, within(1e-15));
  }

  /** A crowd takes what lies in it, as often as it comes, and is not missed. */
  @Test
  void crowdsDoNotCount() {
    BoxList objects = boxes(0, 0, 10, 10, 0);
    objects.add(50, 50, 100, 100, 0, 2500, true);
    DetectionScores scores =
        scores(
            List.of(
                new Picture(
                    objects,
                    boxes(60, 60, 70, 70, 0, 80, 80, 90, 90, 0, 0, 0, 10, 10, 0),
                    new float[] {.9f, .8f, .7f})));
    assertThat(scores.map()).isEqualTo(1);
    assertThat(scores.classes().get(0).objects()).isEqualTo(1);
  }

  @Test
  void onlyTheBestHundredOfAPictureAreLookedAt() {
    BoxList detections = new BoxList();
    float[] scores = new float[DetectionMetric.MOST + 1];
    for (int i = 0; i < DetectionMetric.MOST; i++) {
      detections.add(50, 50, 60, 60, 0);
      scores[i] = 0.9f;
    }
    detections.add(0, 0, 10, 10, 0);
    scores[DetectionMetric.MOST] = 0.8f;
    BoxList objects = boxes(0, 0, 10, 10, 0);
    assertThat(scores(List.of(new Picture(objects, detections, scores))).map()).isZero();
    scores[DetectionMetric.MOST] = 1;
    assertThat(scores(List.of(new Picture(objects, detections, scores))).map()).isEqualTo(1);
  }

  @Test
  void nothingIsNoScore() {
    assertThat(new DetectionMetric(CLASSES).scores(NAMES).map()).isNaN();
    DetectionMetric metric = new DetectionMetric(CLASSES);
    assertThatThrownBy(() -> metric.add(boxes(0, 0, 1, 1, 3), new BoxList(), new float[0]))
        .hasMessage("label 3: there are 3 classes");
    assertThatThrownBy(() -> metric.add(new BoxList(), new BoxList(), new float[1]))
        .hasMessage("0 detections with 1 scores");
  }

  @Test
  void theSameAsTheDefinition() {
    Random random = new Random(5);
    for (int round = 0; round < 25; round++) {
      List<Picture> pictures = new ArrayList<>();
      int count = 1 + random.nextInt(6);
      for (int p = 0; p < count; p++) {
        pictures.add(picture(random));
      }
      DetectionScores scores = scores(pictures);
      check(scores.map(), mean(pictures, 0, 1e10, 0, 10));
      check(scores.map50(), mean(pictures, 0, 1e10, 0, 1));
      check(scores.map75(), mean(pictures, 0, 1e10, 5, 6));
      check(scores.small(), mean(pictures, 0, 1024, 0, 10));
      check(scores.medium(), mean(pictures, 1024, 9216, 0, 10));
      check(scores.large(), mean(pictures, 9216, 1e10, 0, 10));
    }
  }

  private static void check(double actual, double expected) {
    if (Double.isNaN(expected)) {
      assertThat(actual).isNaN();
    } else {
      assertThat(actual).isCloseTo(expected, within(1e-12));
    }
  }

  /** Objects, detections near them and elsewhere, some scores equal, sizes of all ranges. */
  private static Picture picture(Random random) {
    BoxList objects = new BoxList();
    BoxList detections = new BoxList();
    int count = random.nextInt(7);
    for (int i = 0; i < count; i++) {
      float side = 8 << random.nextInt(5);
      float left = random.nextInt(40);
      float top = random.nextInt(40);
      int label = random.nextInt(CLASSES);
      float area = side * side * (1 - random.nextInt(2) * 0.3f);
      objects.add(left, top, left + side, top + side, label, area, random.nextInt(5) == 0);
      for (int j = random.nextInt(4); j > 0; j--) {
        float off = side * random.nextInt(5) / 16;
        int other = random.nextInt(6) == 0 ? random.nextInt(CLASSES) : label;
        detections.add(left + off, top, left + off + side, top + side, other);
      }
    }
    for (int j = random.nextInt(4); j > 0; j--) {
      detections.add(3, 3, 3 + 9 * j, 40, random.nextInt(CLASSES));
    }
    float[] scores = new float[detections.size()];
    for (int i = 0; i < scores.length; i++) {
      scores[i] = random.nextInt(12) / 12f;
    }
    return new Picture(objects, detections, scores);
  }

  private record Detection(int picture, int index, float score) {}

  private static double mean(
      List<Picture> pictures, double least, double most, int firstStep, int endStep) {
    double sum = 0;
    int number = 0;
    for (int label = 0; label < CLASSES; label++) {
      for (int step = firstStep; step < endStep; step++) {
        double average = average(pictures, label, least, most, 0.5 + 0.05 * step - 1e-9);
        if (!Double.isNaN(average)) {
          sum += average;
          number++;
        }
      }
    }
    return number == 0 ? Double.NaN : sum / number;
  }

  private static double average(
      List<Picture> pictures, int label, double least, double most, double threshold) {
    List<Detection> all = new ArrayList<>();
    int objects = 0;
    for (int p = 0; p < pictures.size(); p++) {
      Picture picture = pictures.get(p);
      for (int d = 0; d < picture.scores.length; d++) {
        if (picture.detections.label(d) == label) {
          all.add(new Detection(p, d, picture.scores[d]));
        }
      }
      for (int o = 0; o < picture.objects.size(); o++) {
        if (picture.objects.label(o) == label && !isIgnored(picture.objects, o, least, most)) {
          objects++;
        }
      }
    }
    if (objects == 0) {
      return Double.NaN;
    }
    all.sort((first, second) -> Float.compare(second.score, first.score));
    boolean[][] taken = new boolean[pictures.size()][];
    for (int p = 0; p < taken.length; p++) {
      taken[p] = new boolean[pictures.get(p).objects.size()];
    }
    List<Boolean> outcomes = new ArrayList<>();
    for (Detection detection : all) {
      Picture picture = pictures.get(detection.picture);
      int match = match(picture, detection, label, least, most, threshold, taken);
      if (match >= 0) {
        taken[detection.picture][match] = true;
        if (!isIgnored(picture.objects, match, least, most)) {
          outcomes.add(true);
        }
      } else {
        double area =
            overlap(picture.detections, detection.index, picture.detections, detection.index);
        if (area >= least && area <= most) {
          outcomes.add(false);
        }
      }
    }
    double sum = 0;
    for (int recall = 0; recall <= 100; recall++) {
      double best = 0;
      for (int cut = 1; cut <= outcomes.size(); cut++) {
        long right = outcomes.subList(0, cut).stream().filter(outcome -> outcome).count();
        if (right * 100 >= (long) recall * objects) {
          best = Math.max(best, (double) right / cut);
        }
      }
      sum += best;
    }
    return sum / 101;
  }

  /** First among the objects that count, then among the others. */
  private static int match(
      Picture picture,
      Detection detection,
      int label,
      double least,
      double most,
      double threshold,
      boolean[][] taken) {
    for (boolean ignored : new boolean[] {false, true}) {
      int best = -1;
      double largest = threshold;
      for (int o = 0; o < picture.objects.size(); o++) {
        boolean crowd = picture.objects.ignored(o);
        if (picture.objects.label(o) != label
            || isIgnored(picture.objects, o, least, most) != ignored
            || (taken[detection.picture][o] && !crowd)) {
          continue;
        }
        double common = overlap(picture.detections, detection.index, picture.objects, o);
        double own =
            overlap(picture.detections, detection.index, picture.detections, detection.index);
        double other = overlap(picture.objects, o, picture.objects, o);
        double iou = crowd ? common / own : common / (own + other - common);
        if (iou >= largest) {
          largest = iou;
          best = o;
        }
      }
      if (best >= 0) {
        return best;
      }
    }
    return -1;
  }

  private static boolean isIgnored(BoxList objects, int o, double least, double most) {
    return objects.ignored(o) || objects.area(o) < least || objects.area(o) > most;
  }

  private static double overlap(BoxList first, int i, BoxList second, int j) {
    double[] width = {
      Math.max(first.left(i), second.left(j)), Math.min(first.right(i), second.right(j))
    };
    double[] height = {
      Math.max(first.top(i), second.top(j)), Math.min(first.bottom(i), second.bottom(j))
    };
    return Arrays.stream(new double[][] {width, height})
        .mapToDouble(span -> Math.max(span[1] - span[0], 0))
        .reduce(1, (a, b) -> a * b);
  }
}
