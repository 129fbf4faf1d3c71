package io.resfuse.data.scene;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.data.DataException;
import io.resfuse.data.dataset.CocoDataset;
import io.resfuse.data.dataset.Dataset;
import io.resfuse.data.dataset.DetectionDataset;
import io.resfuse.data.dataset.MaskDataset;
import io.resfuse.data.dataset.SegmentationDataset;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.detect.BoxList;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScenesTest {
  /** Rings, discs and bars of 28 x 28; the ring's inside is black, and its own. */
  public record Shapes(int size) implements Dataset {
    @Override
    public String name() {
      return "shapes";
    }

    @Override
    public List<String> classes() {
      return List.of("ring", "disc", "bar");
    }

    @Override
    public int label(int index) {
      return index % 3;
    }

    @Override
    public Image image(int index) {
      byte[] pixels = new byte[28 * 28];
      for (int i = 0; i < pixels.length; i++) {
        int x = i % 28 - 14;
        int y = i / 28 - 14;
        boolean inside =
            switch (index % 3) {
              case 0 -> x * x + y * y < 140 && x * x + y * y > 30;
              case 1 -> x * x + y * y < 100;
              default -> Math.abs(x) < 5;
            };
        pixels[i] = (byte) (inside ? 100 + 5 * y + index % 7 : 0);
      }
      return Image.grey(28, 28, pixels);
    }
  }

  private static Scenes scenes(int count, long seed) {
    return new Scenes(new Shapes(30), count, seed, 96);
  }

  /** What a scene says of itself, counted again from its pixels. */
  @Test
  void mapOwnersAndBoxesAgree() {
    Scenes scenes = scenes(40, 3);
    Set<Integer> counts = new HashSet<>();
    int overlapping = 0;
    for (int i = 0; i < 40; i++) {
      Scene scene = scenes.scene(i);
      BoxList garments = scene.garments();
      counts.add(garments.size());
      for (int garment = 0; garment < garments.size(); garment++) {
        int[] box = {96, 96, 0, 0};
        int seen = 0;
        for (int at = 0; at < 96 * 96; at++) {
          if (scene.owners().pixels()[at] == garment + 1) {
            seen++;
            box[0] = Math.min(box[0], at % 96);
            box[1] = Math.min(box[1], at / 96);
            box[2] = Math.max(box[2], at % 96 + 1);
            box[3] = Math.max(box[3], at / 96 + 1);
            assertThat(scene.map().pixels()[at]).isEqualTo((byte) (garments.label(garment) + 1));
          }
        }
        assertThat(garments.area(garment)).isEqualTo(seen).isGreaterThan(20);
        assertThat(new float[] {box[0], box[1], box[2], box[3]})
            .isEqualTo(Arrays.copyOfRange(garments.corners(), 4 * garment, 4 * garment + 4));
        for (int other = 0; other < garment; other++) {
          overlapping += overlap(garments, garment, other) ? 1 : 0;
        }
      }
      for (int at = 0; at < 96 * 96; at++) {
        assertThat(scene.map().pixels()[at] == 0).isEqualTo(scene.owners().pixels()[at] == 0);
      }
    }
    assertThat(counts).contains(3, 4, 5, 6);
    assertThat(overlapping).isGreaterThan(40);
  }

  private static boolean overlap(BoxList boxes, int i, int j) {
    return Math.max(boxes.left(i), boxes.left(j)) < Math.min(boxes.right(i), boxes.right(j))
        && Math.max(boxes.top(i), boxes.top(j)) < Math.min(boxes.bottom(i), boxes.bottom(j));
  }

  @Test
  void aGarmentHasItsInside() {
    Garment ring = Garment.of(new Shapes(3).image(0), 28, false);
    assertThat(ring.inside[14 * 28 + 14]).isTrue();
    assertThat(ring.inside[0]).isFalse();
    assertThat(ring.pixels).isBetween(400, 460);
    Garment mirrored = Garment.of(new Shapes(3).image(0), 28, true);
    for (int x = 0; x < 28; x++) {
      assertThat(mirrored.shades[5 * 28 + x]).isEqualTo(ring.shades[5 * 28 + 27 - x]);
    }
  }

  @Test
  void everySceneIsAFunctionOfSeedAndNumber() throws Exception {
    Scenes scenes = scenes(16, 1);
    List<Scene> expected = IntStream.range(0, 16).mapToObj(scenes(16, 1)::scene).toList();
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      List<Future<Scene>> made =
          IntStream.range(0, 16).mapToObj(i -> threads.submit(() -> scenes.scene(15 - i))).toList();
      for (int i = 0; i < 16; i++) {
        Scene scene = made.get(i).get();
        assertThat(scene.picture().pixels()).isEqualTo(expected.get(15 - i).picture().pixels());
        assertThat(scene.map().pixels()).isEqualTo(expected.get(15 - i).map().pixels());
        assertThat(scene.garments()).hasToString(expected.get(15 - i).garments().toString());
      }
    } finally {
      threads.shutdownNow();
    }
    assertThat(scenes(16, 2).scene(0).picture().pixels())
        .isNotEqualTo(expected.get(0).picture().pixels());
  }

  /** Masks and annotations say the same, and what the scenes themselves do. */
  @Test
  void filesGiveTheScenesBack(@TempDir Path folder) throws IOException {
    Scenes scenes = scenes(5, 8);
    Path to = folder.resolve("made/scenes");
    int[] progress = {0};
    SceneWriter.write(scenes, to, done -> progress[0] += done);
    assertThat(progress[0]).isEqualTo(15);
    MaskDataset masks = MaskDataset.open(to, new ImageDecoder());
    CocoDataset coco = CocoDataset.open(to, new ImageDecoder());
    SegmentationDataset maps = coco.maps();
    DetectionDataset boxes = coco.boxes();
    assertThat(masks.size()).isEqualTo(5);
    assertThat(boxes.size()).isEqualTo(5);
    assertThat(masks.classes()).isEqualTo(maps.classes()).isEqualTo(scenes.maps().classes());
    assertThat(boxes.classes()).isEqualTo(scenes.boxes().classes());
    for (int i = 0; i < 5; i++) {
      Scene scene = scenes.scene(i);
      assertThat(masks.image(i).pixels()).isEqualTo(scene.picture().pixels());
      assertThat(masks.map(i).pixels()).isEqualTo(scene.map().pixels());
      assertThat(maps.map(i).pixels()).isEqualTo(scene.map().pixels());
      assertThat(boxes.boxes(i)).hasToString(scene.garments().toString());
      assertThat(boxes.boxes(i).area(0)).isEqualTo(scene.garments().area(0));
    }
    Path again = folder.resolve("again");
    SceneWriter.write(scenes(5, 8), again, done -> {});
    assertThat(again.resolve("annotations.json"))
        .hasSameBinaryContentAs(to.resolve("annotations.json"));
    assertThat(again.resolve("masks/000004.png"))
        .hasSameBinaryContentAs(to.resolve("masks/000004.png"));
    assertThatThrownBy(() -> SceneWriter.write(scenes, to, done -> {}))
        .isInstanceOf(DataException.class)
        .hasMessage(to + ": is not empty; name another folder, or remove it");
    Path file = Files.createFile(folder.resolve("file"));
    assertThatThrownBy(() -> SceneWriter.write(scenes, file, done -> {}))
        .hasMessage(file + ": is a file; name a folder");
  }

  @Test
  void whatIsOutOfRangeIsRefused() {
    assertThatThrownBy(() -> new Scenes(new Shapes(3), 1, 0, 31))
        .hasMessageContaining("got 1 of 31");
    assertThatThrownBy(() -> scenes(2, 0).scene(2)).isInstanceOf(IndexOutOfBoundsException.class);
  }
}
