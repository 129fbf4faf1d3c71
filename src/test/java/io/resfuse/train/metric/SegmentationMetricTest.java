package io.resfuse.train.metric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SegmentationMetricTest {
  /** Pixels that are ignored count for nobody; a class that is nowhere leaves the mean alone. */
  @Test
  void byHand() {
    SegmentationMetric metric = new SegmentationMetric(4);
    int[] labels = {0, 0, 0, 1, 1, 255, 255, 2};
    int[] predicted = {0, 0, 1, 1, 1, 3, 1, -1};
    for (int i = 0; i < labels.length; i++) {
      metric.add(labels[i], predicted[i]);
    }
    SegmentationScores scores = metric.scores(List.of("ground", "a", "b", "none"));
    assertThat(scores.pixels()).isEqualTo(6);
    assertThat(scores.accuracy()).isEqualTo(4.0 / 6);
    assertThat(scores.classes().get(0).iou()).isEqualTo(2.0 / 3);
    assertThat(scores.classes().get(1).iou()).isEqualTo(2.0 / 3);
    assertThat(scores.classes().get(2).iou()).isZero();
    assertThat(scores.classes().get(3).iou()).isNaN();
    assertThat(scores.meanIou()).isCloseTo(4.0 / 9, within(1e-15));
    assertThat(scores.table().lines())
        .contains("ground                66.67%  3 labelled, 2 given")
        .contains("none                       -  0 labelled, 0 given")
        .contains("mean IoU              44.44%");
  }

  /** Sets of pixels, as the definition has them, from logits. */
  @Test
  void theSameAsSetsOfPixels() {
    Random random = new Random(3);
    for (int round = 0; round < 20; round++) {
      int classes = 1 + random.nextInt(6);
      int pixels = 2 * 3 * 5;
      ByteBuffer maps = ByteBuffer.allocateDirect(pixels);
      FloatBuffer logits = FloatBuffer.allocate(pixels * classes);
      List<Set<Integer>> labelled = new ArrayList<>();
      List<Set<Integer>> given = new ArrayList<>();
      for (int i = 0; i < classes; i++) {
        labelled.add(new HashSet<>());
        given.add(new HashSet<>());
      }
      for (int p = 0; p < pixels; p++) {
        int label = random.nextInt(classes + 1);
        maps.put(p, (byte) (label == classes ? 255 : label));
        int winner = random.nextInt(classes);
        for (int i = 0; i < classes; i++) {
          float logit = i == winner ? 2 : random.nextFloat();
          logits.put((p / 15 * classes + i) * 15 + p % 15, logit);
        }
        if (label < classes) {
          labelled.get(label).add(p);
          given.get(winner).add(p);
        }
      }
      SegmentationMetric metric = new SegmentationMetric(classes);
      metric.add(maps, 3, 5, logits);
      List<String> names = new ArrayList<>();
      double sum = 0;
      int present = 0;
      for (int i = 0; i < classes; i++) {
        names.add("c" + i);
        Set<Integer> union = new HashSet<>(labelled.get(i));
        union.addAll(given.get(i));
        Set<Integer> both = new HashSet<>(labelled.get(i));
        both.retainAll(given.get(i));
        if (!union.isEmpty()) {
          sum += (double) both.size() / union.size();
          present++;
        }
      }
      assertThat(metric.scores(names).meanIou()).isCloseTo(sum / present, within(1e-15));
      SegmentationMetric twice = new SegmentationMetric(classes);
      twice.add(metric);
      twice.add(metric);
      assertThat(twice.scores(names).meanIou()).isEqualTo(metric.scores(names).meanIou());
      assertThat(twice.scores(names).pixels()).isEqualTo(2 * metric.scores(names).pixels());
    }
  }

  @Test
  void whatIsNoNumberIsWrong() {
    SegmentationMetric metric = new SegmentationMetric(2);
    metric.add(
        ByteBuffer.wrap(new byte[] {0, 1}),
        1,
        2,
        FloatBuffer.wrap(new float[] {Float.NaN, Float.NaN, Float.NaN, 1}));
    assertThat(metric.scores(List.of("a", "b")).accuracy()).isEqualTo(0.5);
    assertThat(metric.scores(List.of("a", "b")).meanIou()).isEqualTo(0.5);
    assertThat(new SegmentationMetric(1).scores(List.of("a")).meanIou()).isNaN();
  }

  @Test
  void whatDoesNotFitIsRefused() {
    SegmentationMetric metric = new SegmentationMetric(2);
    assertThatThrownBy(() -> metric.add(2, 0))
        .hasMessage("label 2: there are 2 classes, and 255 for what is ignored");
    assertThatThrownBy(() -> metric.add(ByteBuffer.allocate(6), 2, 3, FloatBuffer.allocate(6)))
        .hasMessageContaining("6 labels and 6 logits are not of the same pictures of 2 x 3");
    assertThatThrownBy(() -> new SegmentationMetric(256)).hasMessageContaining("got 256");
  }
}
