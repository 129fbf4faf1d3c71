package io.resfuse.data.loader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.resfuse.data.DataException;
import io.resfuse.data.augment.Augmentation;
import io.resfuse.data.augment.ColorJitter;
import io.resfuse.data.augment.HorizontalFlip;
import io.resfuse.data.augment.Mixing;
import io.resfuse.data.augment.PaddedCrop;
import io.resfuse.data.augment.RandomResizedCrop;
import io.resfuse.data.augment.ScaledCrop;
import io.resfuse.data.dataset.DetectionDataset;
import io.resfuse.data.dataset.Pictures;
import io.resfuse.data.dataset.SegmentationDataset;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageException;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.data.image.Resampling;
import io.resfuse.detect.BoxList;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Maps and boxes go where their pictures' pixels go. */
@Timeout(60)
class MapLoaderTest {
  private static final int SIDE = 24;
  private static final Preprocessing NETWORK = Preprocessing.of("fashion-mnist").withSize(24, 24);

  /**
   * A bright rectangle, 200 on 60, another for each picture; its pixels are class 1 and its edges
   * the box.
   */
  private record Rectangles(int size, int bad) implements SegmentationDataset {
    @Override
    public String name() {
      return "rectangles";
    }

    @Override
    public List<String> classes() {
      return List.of("ground", "rectangle");
    }

    static int[] rectangle(int index) {
      int left = 4 + index % 9;
      int top = 6 + index % 7;
      return new int[] {left, top, left + 14 + index % 5, top + 10 + index % 6};
    }

    private static byte[] painted(int index, int outside, int inside) {
      byte[] pixels = new byte[40 * 36];
      int[] r = rectangle(index);
      for (int i = 0; i < pixels.length; i++) {
        int x = i % 40;
        int y = i / 40;
        boolean in = x >= r[0] && x < r[2] && y >= r[1] && y < r[3];
        pixels[i] = (byte) (in ? inside : outside);
      }
      return pixels;
    }

    @Override
    public Image image(int index) {
      return Image.grey(40, 36, painted(index, 60, 200));
    }

    @Override
    public Image map(int index) {
      if (index == bad) {
        throw new ImageException("mask of " + index + ": damaged");
      }
      return Image.grey(40, 36, painted(index, 0, 1));
    }
  }

  private record Boxes(Rectangles rectangles) implements DetectionDataset {
    @Override
    public String name() {
      return "boxes";
    }

    @Override
    public int size() {
      return rectangles.size();
    }

    @Override
    public List<String> classes() {
      return List.of("rectangle");
    }

    @Override
    public Image image(int index) {
      return rectangles.image(index);
    }

    @Override
    public BoxList boxes(int index) {
      int[] r = Rectangles.rectangle(index);
      BoxList boxes = new BoxList();
      boxes.add(r[0], r[1], r[2], r[3], 0);
      return boxes;
    }
  }

  private static final List<Augmentation[]> AUGMENTATIONS =
      List.of(
          new Augmentation[] {},
          new Augmentation[] {
            new HorizontalFlip(0.5), new RandomResizedCrop(SIDE), new ColorJitter(0.01, 0, 0, 0)
          },
          new Augmentation[] {new ScaledCrop(SIDE), new HorizontalFlip(0.5)},
          new Augmentation[] {
            new PaddedCrop(6),
            new HorizontalFlip(1),
            new ScaledCrop(SIDE, SIDE, 0.4, 0.9, Resampling.BILINEAR)
          });

  private static byte[] copy(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.capacity()];
    buffer.get(0, bytes);
    return bytes;
  }

  /**
   * Bright pixels are of the rectangle, dark ones of the ground, black ones of nothing; at edges,
   * where the resize blends, either may be.
   */
  @Test
  void mapsFollowThePixels() {
    for (Augmentation[] augmentations : AUGMENTATIONS) {
      Loader loader =
          Loader.forTraining(new Rectangles(32, -1), NETWORK, 8)
              .augmentations(augmentations)
              .seed(5)
              .build();
      int checked = 0;
      int nothing = 0;
      int inside = 0;
      try (LoaderEpoch epoch = loader.epoch(1)) {
        while (epoch.hasNext()) {
          Batch batch = epoch.next();
          byte[] maps = copy(batch.maps());
          assertThat(maps).hasSize(8 * SIDE * SIDE);
          int[] labels = new int[maps.length];
          batch.pixelLabels(labels);
          assertThatThrownBy(() -> batch.pixelLabels(new int[3])).hasMessageContaining("for 3");
          for (int i = 0; i < maps.length; i++) {
            int pixel = batch.pixels().get(i) & 0xff;
            if (pixel > 185) {
              assertThat(maps[i]).isEqualTo((byte) 1);
              assertThat(labels[i]).isEqualTo(1);
              inside++;
            } else if (pixel > 55 && pixel < 70) {
              assertThat(maps[i]).isEqualTo((byte) 0);
            } else if (pixel == 0) {
              assertThat(maps[i]).isEqualTo((byte) SegmentationDataset.IGNORED);
              assertThat(labels[i]).isEqualTo(Batch.NO_PICTURE);
              nothing++;
            } else {
              continue;
            }
            checked++;
          }
        }
      }
      assertThat(checked).isGreaterThan(32 * SIDE * SIDE * 3 / 4);
      assertThat(inside).isGreaterThan(1000);
      boolean pads = augmentations.length > 0 && !(augmentations[1] instanceof RandomResizedCrop);
      assertThat(nothing > 0).isEqualTo(pads);
    }
  }

  /** The box of the map's pixels, within a pixel; or ignored or gone where little is left. */
  @Test
  void boxesFollowThePixels() {
    for (Augmentation[] augmentations : AUGMENTATIONS) {
      Rectangles rectangles = new Rectangles(32, -1);
      Loader maps = loader(rectangles, augmentations);
      Loader boxes = loader(new Boxes(rectangles), augmentations);
      int whole = 0;
      try (LoaderEpoch first = maps.epoch(2);
          LoaderEpoch second = boxes.epoch(2)) {
        while (first.hasNext()) {
          Batch map = first.next();
          Batch box = second.next();
          assertThat(box.samples()).isEqualTo(map.samples());
          assertThat(box.maps()).isNull();
          assertThatThrownBy(() -> map.boxes(0)).hasMessage("the data set has no boxes");
          assertThatThrownBy(() -> box.pixelLabels(new int[1])).hasMessageEndingWith("no maps");
          for (int place = 0; place < 8; place++) {
            float[] seen = seen(map, place);
            BoxList found = box.boxes(place);
            assertThat(found.size()).isLessThanOrEqualTo(1);
            if (found.size() == 0) {
              assertThat(seen[2] - seen[0]).isLessThanOrEqualTo(1);
              continue;
            }
            float[] corners = {found.left(0), found.top(0), found.right(0), found.bottom(0)};
            if (seen[2] > seen[0]) {
              assertThat(corners).containsExactly(seen, within(1f));
            }
            float area = (corners[2] - corners[0]) * (corners[3] - corners[1]);
            assertThat(found.area(0)).isCloseTo(area, within(1e-3f * area));
            whole += found.ignored(0) ? 0 : 1;
          }
        }
      }
      assertThat(whole).isGreaterThan(8);
    }
  }

  private static Loader loader(Pictures dataset, Augmentation... augmentations) {
    return Loader.forTraining(dataset, NETWORK, 8).augmentations(augmentations).seed(5).build();
  }

  private static float[] seen(Batch batch, int place) {
    float[] box = {SIDE, SIDE, 0, 0};
    for (int i = 0; i < SIDE * SIDE; i++) {
      if (batch.maps().get(place * SIDE * SIDE + i) == 1) {
        int x = i % SIDE;
        int y = i / SIDE;
        box[0] = Math.min(box[0], x);
        box[1] = Math.min(box[1], y);
        box[2] = Math.max(box[2], x + 1);
        box[3] = Math.max(box[3], y + 1);
      }
    }
    return box;
  }

  @Test
  void theSameMapsWhateverTheThreadsAndParts() {
    List<byte[]> expected = run(1, 0, 1);
    assertThat(run(4, 0, 1)).usingRecursiveComparison().isEqualTo(expected);
    List<byte[]> second = run(2, 1, 2);
    for (int i = 0; i < expected.size(); i++) {
      int half = expected.get(i).length / 2;
      byte[] part = new byte[half];
      System.arraycopy(expected.get(i), half, part, 0, half);
      assertThat(second.get(i)).isEqualTo(part);
    }
  }

  private static List<byte[]> run(int threads, int part, int parts) {
    Loader loader =
        Loader.forTraining(new Rectangles(50, 11), NETWORK, 8)
            .augmentations(AUGMENTATIONS.get(2))
            .seed(3)
            .threads(threads)
            .part(part, parts)
            .build();
    List<byte[]> all = new ArrayList<>();
    try (LoaderEpoch epoch = loader.epoch(0)) {
      while (epoch.hasNext()) {
        all.add(copy(epoch.next().maps()));
      }
    }
    return all;
  }

  /** A place without a picture, and one whose mask is damaged, has no class anywhere. */
  @Test
  void placesWithoutPicturesHaveNoClasses() {
    Loader loader = Loader.forEvaluation(new Rectangles(6, 2), NETWORK, 4).build();
    try (LoaderEpoch epoch = loader.epoch(0)) {
      byte[] first = copy(epoch.next().maps());
      byte[] second = copy(epoch.next().maps());
      int plane = SIDE * SIDE;
      for (int i = 0; i < plane; i++) {
        assertThat(first[2 * plane + i]).isEqualTo((byte) 255);
        assertThat(second[2 * plane + i]).isEqualTo((byte) 255);
      }
      assertThat(first[3 * plane]).isZero();
      assertThat(second[plane]).isZero();
    }
    Loader boxes = Loader.forEvaluation(new Boxes(new Rectangles(3, -1)), NETWORK, 4).build();
    try (LoaderEpoch epoch = boxes.epoch(0)) {
      Batch batch = epoch.next();
      assertThat(batch.boxes(2).size()).isEqualTo(1);
      assertThat(batch.boxes(3).size()).isZero();
      assertThat(batch.labels()).containsExactly(0, 0, 0, Batch.NO_PICTURE);
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    assertThatThrownBy(
            () ->
                Loader.forTraining(new Rectangles(8, -1), NETWORK, 4)
                    .mixing(Mixing.mixup(0.2), 0)
                    .build())
        .hasMessage("rectangles: pictures with maps or boxes cannot be mixed");
    SegmentationDataset wrong =
        new SegmentationDataset() {
          @Override
          public String name() {
            return "wrong";
          }

          @Override
          public int size() {
            return 1;
          }

          @Override
          public List<String> classes() {
            return List.of("a");
          }

          @Override
          public Image image(int index) {
            return Image.grey(9, 8, new byte[72]);
          }

          @Override
          public Image map(int index) {
            return Image.grey(8, 9, new byte[72]);
          }
        };
    try (LoaderEpoch epoch = Loader.forEvaluation(wrong, NETWORK, 1).build().epoch(0)) {
      assertThatThrownBy(epoch::next)
          .isInstanceOf(DataException.class)
          .hasMessage("wrong[0]: has 9 x 8 pixels, its mask 8 x 9");
    }
  }
}
