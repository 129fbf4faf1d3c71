package io.resfuse.detect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Holds anchors, matches, codes, suppression and losses to torchvision's (make_detection.py). */
class TorchvisionDetectionTest {
  private static final int[][] GRIDS = {{8, 10}, {4, 5}, {2, 3}, {1, 2}, {1, 1}};
  private static final Map<String, double[]> EXPECTED = new HashMap<>();

  @BeforeAll
  static void read() throws IOException {
    for (String line :
        Files.readAllLines(Path.of("src/test/resources/torchvision/detection.tsv"))) {
      String[] fields = line.split("\t", -1);
      EXPECTED.put(
          fields[0],
          Arrays.stream(fields, 1, fields.length).mapToDouble(Double::parseDouble).toArray());
    }
  }

  private static double[] doubles(String name) {
    double[] values = EXPECTED.get(name);
    assertThat(values).as(name).isNotNull();
    return values;
  }

  private static float[] floats(String name) {
    double[] values = doubles(name);
    float[] floats = new float[values.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }

  private static int[] ints(String name) {
    return Arrays.stream(doubles(name)).mapToInt(value -> (int) value).toArray();
  }

  private static float[] anchors() {
    return Anchors.retinaNet().of(64, 80, GRIDS);
  }

  private static BoxList objects() {
    BoxList objects = new BoxList();
    float[] boxes = floats("objects");
    int[] labels = ints("labels");
    for (int i = 0; i < labels.length; i++) {
      objects.add(boxes[4 * i], boxes[4 * i + 1], boxes[4 * i + 2], boxes[4 * i + 3], labels[i]);
    }
    return objects;
  }

  private static int[] matches() {
    float[] anchors = anchors();
    int[] matches = new int[anchors.length / 4];
    new Matcher().match(anchors, objects(), matches);
    return matches;
  }

  @Test
  void anchorsAreTorchvisions() {
    assertThat(anchors()).isEqualTo(floats("anchors"));
    assertThat(Anchors.retinaNet().perPlace(0)).isEqualTo(9);
  }

  /** The same operations in float32, so the same bits; an equality decides on the closest. */
  @Test
  void matchesAreTorchvisions() {
    float[] anchors = anchors();
    float[] best = floats("best iou");
    BoxList objects = objects();
    for (int i = 0; i < best.length; i++) {
      float most = 0;
      for (int object = 0; object < objects.size(); object++) {
        most = Math.max(most, Overlap.iou(objects.corners(), object, anchors, i));
      }
      assertThat(most).isEqualTo(best[i]);
    }
    int[] expected = ints("matches");
    assertThat(matches()).isEqualTo(expected);
    // The anchors that overlap object 4 most overlap object 5 more.
    assertThat(expected).contains(Matcher.BACKGROUND, Matcher.BETWEEN, 0, 1, 2, 3, 5);
    assertThat(expected).doesNotContain(4);
  }

  @Test
  void codesAreTorchvisions() {
    float[] anchors = anchors();
    int[] matches = matches();
    float[] codes = new float[anchors.length];
    float[] expected = floats("codes");
    int at = 0;
    for (int i = 0; i < matches.length; i++) {
      if (matches[i] >= 0) {
        BoxCoder.encode(objects().corners(), matches[i], anchors, i, codes);
        assertThat(Arrays.copyOfRange(codes, 4 * i, 4 * i + 4))
            .containsExactly(Arrays.copyOfRange(expected, at, at + 4), within(1e-6f));
        at += 4;
      }
    }
    assertThat(at).isEqualTo(expected.length);
    float[] outputs = floats("outputs");
    float[] decoded = new float[outputs.length];
    for (int i = 0; i < matches.length; i++) {
      BoxCoder.decode(outputs, anchors, i, decoded, i);
    }
    float[] boxes = floats("decoded");
    for (int i = 0; i < boxes.length; i++) {
      // Edges lie within some thousands of pixels, whose float32 has steps of 5e-4.
      assertThat(decoded[i]).isCloseTo(boxes[i], within(1e-6f * Math.abs(boxes[i]) + 2e-3f));
    }
  }

  @Test
  void suppressionIsTorchvisions() {
    int[] kept =
        NonMaximumSuppression.keep(floats("boxes"), floats("scores"), ints("classes"), 0.5f, 100);
    int[] expected = ints("kept");
    assertThat(kept).isEqualTo(expected);
    assertThat(expected.length).isLessThan(80);
    assertThat(
            NonMaximumSuppression.keep(floats("boxes"), floats("scores"), ints("classes"), 0.5f, 5))
        .isEqualTo(Arrays.copyOf(expected, 5));
  }

  @Test
  void lossesAreTorchvisions() {
    float[] logits = floats("logits");
    double[] gradient = new double[logits.length];
    double loss = DetectionLoss.focal(logits, 3, matches(), objects(), gradient);
    assertThat(loss).isCloseTo(doubles("focal")[0], within(1e-12 * loss));
    assertThat(gradient).containsExactly(doubles("focal gradient"), within(1e-14));

    float[] codes = floats("outputs");
    double[] boxGradient = new double[codes.length];
    double boxLoss = DetectionLoss.boxes(codes, anchors(), matches(), objects(), boxGradient);
    // The wanted codes are float32 on both sides, whose logarithms may differ in the last bit.
    assertThat(boxLoss).isCloseTo(doubles("box loss")[0], within(1e-6 * boxLoss));
    assertThat(boxGradient).containsExactly(doubles("box gradient"), within(1e-15));
  }
}
