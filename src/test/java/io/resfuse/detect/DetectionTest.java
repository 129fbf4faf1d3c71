package io.resfuse.detect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

/** Cases by hand, gradients against differences, and what is refused. */
class DetectionTest {
  @Test
  void overlapsByHand() {
    float[] boxes = {0, 0, 4, 4, 2, 0, 6, 4, 4, 4, 8, 8, 1, 1, 2, 2};
    assertThat(Overlap.iou(boxes, 0, boxes, 0)).isEqualTo(1);
    assertThat(Overlap.iou(boxes, 0, boxes, 1)).isEqualTo(8f / 24);
    assertThat(Overlap.iou(boxes, 0, boxes, 2)).isZero();
    assertThat(Overlap.share(boxes, 3, boxes, 0)).isEqualTo(1);
    assertThat(Overlap.share(boxes, 0, boxes, 3)).isEqualTo(1f / 16);
  }

  @Test
  void aListGrowsAndIsEmptied() {
    BoxList list = new BoxList();
    for (int i = 0; i < 20; i++) {
      list.add(i, 1, i + 2, 4, i % 3, i, i % 2 == 1);
    }
    BoxList copy = new BoxList();
    copy.add(0, 0, 1, 1, 9);
    copy.clear();
    copy.addAll(list);
    assertThat(copy.size()).isEqualTo(20);
    assertThat(copy.left(17)).isEqualTo(17);
    assertThat(copy.top(17)).isEqualTo(1);
    assertThat(copy.right(17)).isEqualTo(19);
    assertThat(copy.bottom(17)).isEqualTo(4);
    assertThat(copy.label(17)).isEqualTo(2);
    assertThat(copy.area(17)).isEqualTo(17);
    assertThat(copy.ignored(17)).isTrue();
    assertThat(copy.ignored(16)).isFalse();
    assertThatThrownBy(() -> copy.left(20)).isInstanceOf(IndexOutOfBoundsException.class);
  }

  /** Every object has an anchor; what is ignored has none, and takes background away. */
  @Test
  void matchesByHand() {
    float[] anchors = {0, 0, 10, 10, 0, 0, 10, 20, 50, 50, 60, 60, 80, 80, 90, 90};
    BoxList objects = new BoxList();
    objects.add(0, 0, 10, 12, 0);
    objects.add(52, 52, 54, 54, 1);
    objects.add(78, 78, 100, 100, 2, 484, true);
    objects.add(200, 200, 210, 210, 1);
    int[] matches = new int[4];
    Matcher matcher = new Matcher(0.4f, 0.7f);
    assertThat(matcher.match(anchors, objects, matches)).isEqualTo(2);
    assertThat(matches).containsExactly(0, Matcher.BETWEEN, 1, Matcher.BETWEEN);
    assertThat(matcher.match(anchors, new BoxList(), matches)).isZero();
    assertThat(matches).containsOnly(Matcher.BACKGROUND);
    assertThatThrownBy(() -> matcher.match(anchors, objects, new int[3]))
        .hasMessageContaining("4 anchors, but places for the matches of 3");
    assertThatThrownBy(() -> new Matcher(0.5f, 0.4f)).hasMessageContaining("got 0.5 and 0.4");
  }

  @Test
  void decodingUndoesCoding() {
    Random random = new Random(1);
    for (int i = 0; i < 100; i++) {
      float[] both = new float[8];
      for (int at = 0; at < 8; at += 4) {
        both[at] = random.nextFloat() * 100;
        both[at + 1] = random.nextFloat() * 100;
        both[at + 2] = both[at] + 1 + random.nextFloat() * 50;
        both[at + 3] = both[at + 1] + 1 + random.nextFloat() * 50;
      }
      float[] codes = new float[8];
      float[] back = new float[4];
      BoxCoder.encode(both, 0, both, 1, codes);
      BoxCoder.decode(codes, both, 1, back, 0);
      for (int j = 0; j < 4; j++) {
        assertThat(back[j]).isCloseTo(both[j], within(1e-4f));
      }
    }
    float[] box = {-3, 5, 200, 90};
    BoxCoder.clip(box, 0, 100, 80);
    assertThat(box).containsExactly(0, 5, 100, 80);
  }

  @Test
  void scoresThatAreNoNumbersComeLast() {
    assertThat(NonMaximumSuppression.bestFirst(0.5f, Float.NaN, 0.7f, 0.5f))
        .containsExactly(2, 0, 3, 1);
    assertThatThrownBy(
            () -> NonMaximumSuppression.keep(new float[4], new float[2], new int[2], 0.5f, 9))
        .hasMessage("2 scores, 2 labels and 1.0 boxes do not belong together");
  }

  /** Logits up to 30: there a loss that took the logarithm of a sigmoid would be infinite. */
  @Test
  void gradientsAreThoseOfTheLosses() {
    Random random = new Random(2);
    float[] anchors = new float[24];
    BoxList objects = new BoxList();
    objects.add(1, 2, 9, 12, 1);
    objects.add(3, 3, 30, 20, 0);
    int[] matches = {0, Matcher.BACKGROUND, 1, Matcher.BETWEEN, 1, Matcher.BACKGROUND};
    float[] logits = new float[12];
    float[] codes = new float[24];
    for (int i = 0; i < 6; i++) {
      anchors[4 * i + 2] = 8 + i;
      anchors[4 * i + 3] = 9;
    }
    for (int i = 0; i < 24; i++) {
      codes[i] = (float) random.nextGaussian();
      logits[i / 2] = (float) random.nextGaussian() * 3;
    }
    logits[1] = -30;
    logits[2] = 30;
    double[] gradient = new double[12];
    double[] ignored = new double[12];
    assertThat(DetectionLoss.focal(logits, 2, matches, objects, gradient)).isBetween(1.0, 40.0);
    for (int i = 0; i < 12; i++) {
      float[] more = logits.clone();
      float[] less = logits.clone();
      more[i] += 1f / 512;
      less[i] -= 1f / 512;
      double slope =
          256
              * (DetectionLoss.focal(more, 2, matches, objects, ignored)
                  - DetectionLoss.focal(less, 2, matches, objects, ignored));
      assertThat(gradient[i]).as("logit " + i).isCloseTo(slope, within(1e-5));
    }
    double[] boxGradient = new double[24];
    double[] unused = new double[24];
    DetectionLoss.boxes(codes, anchors, matches, objects, boxGradient);
    for (int i = 0; i < 24; i++) {
      float[] more = codes.clone();
      float[] less = codes.clone();
      more[i] += 1f / 512;
      less[i] -= 1f / 512;
      double slope =
          256
              * (DetectionLoss.boxes(more, anchors, matches, objects, unused)
                  - DetectionLoss.boxes(less, anchors, matches, objects, unused));
      assertThat(boxGradient[i]).as("code " + i).isCloseTo(slope, within(1e-4));
    }
    assertThatThrownBy(() -> DetectionLoss.focal(logits, 3, matches, objects, gradient))
        .hasMessage("12 logits were given, the anchors need 18");
  }

  @Test
  void anchorsThatCannotBeAreRefused() {
    assertThatThrownBy(() -> Anchors.retinaNet().of(64, 64, new int[] {8, 8}))
        .hasMessage("5 levels of anchors need as many grids, got 1");
    assertThatThrownBy(() -> Anchors.of(new int[][] {{8}}, 1).of(8, 8, new int[] {9, 1}))
        .hasMessageContaining("level 0 of a picture of 8 x 8");
    assertThatThrownBy(() -> Anchors.of(new int[][] {{0}}, 1)).hasMessageContaining("got 0 and 1");
  }
}
