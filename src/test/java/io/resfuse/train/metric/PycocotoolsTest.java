package io.resfuse.train.metric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.resfuse.data.dataset.RunLengths;
import io.resfuse.detect.BoxList;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Holds average precision and runs to what COCO's own tools make of them (make_expected.py). */
class PycocotoolsTest {
  private static JsonNode expected(String part) throws IOException {
    Path file = Path.of("src/test/resources/pycocotools/expected.json");
    JsonNode list = new ObjectMapper().readTree(file.toFile()).path(part);
    assertThat(list).isNotEmpty();
    return list;
  }

  @Test
  void scoresAreThoseOfCocoEval() throws IOException {
    for (JsonNode one : expected("cases")) {
      DetectionMetric metric = new DetectionMetric(3);
      for (JsonNode image : one.path("images")) {
        BoxList objects = new BoxList();
        for (JsonNode o : image.path("objects")) {
          float left = at(o, 0);
          float top = at(o, 1);
          objects.add(
              left, top, left + at(o, 2), top + at(o, 3), (int) at(o, 4), at(o, 5), at(o, 6) != 0);
        }
        BoxList detections = new BoxList();
        float[] scores = new float[image.path("detections").size()];
        for (JsonNode d : image.path("detections")) {
          scores[detections.size()] = at(d, 5);
          detections.add(
              at(d, 0), at(d, 1), at(d, 0) + at(d, 2), at(d, 1) + at(d, 3), (int) at(d, 4));
        }
        metric.add(objects, detections, scores);
      }
      DetectionScores scores = metric.scores(List.of("a", "b", "c"));
      JsonNode wanted = one.path("scores");
      check("map", scores.map(), wanted);
      check("map50", scores.map50(), wanted);
      check("map75", scores.map75(), wanted);
      check("small", scores.small(), wanted);
      check("medium", scores.medium(), wanted);
      check("large", scores.large(), wanted);
      check("recall", scores.recall(), wanted);
    }
  }

  private static float at(JsonNode numbers, int i) {
    return numbers.get(i).floatValue();
  }

  /** What it calls -1 there is none of. */
  private static void check(String name, double actual, JsonNode wanted) {
    double expected = wanted.path(name).doubleValue();
    if (expected < 0) {
      assertThat(actual).as(name).isNaN();
    } else {
      assertThat(actual).as(name).isCloseTo(expected, within(1e-12));
    }
  }

  @Test
  void compressedRunsAreThoseOfItsMasks() throws IOException {
    for (JsonNode mask : expected("masks")) {
      int height = mask.path("height").intValue();
      int width = mask.path("width").intValue();
      String pixels = mask.path("pixels").textValue();
      RunLengths runs = RunLengths.parse(height, width, mask.path("counts").textValue());
      assertThat(runs)
          .isEqualTo(
              RunLengths.of(
                  height, width, p -> pixels.charAt(p % width * height + p / width) == '1'));
    }
  }
}
