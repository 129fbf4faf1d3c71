package io.resfuse.data.augment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.resfuse.data.Expected;
import io.resfuse.data.SampleRandom;
import io.resfuse.data.SyntheticImages;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.Placement;
import io.resfuse.data.image.Resampling;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class AugmentationTest {
  static List<Augmentation> all() {
    return List.of(
        new RandomResizedCrop(20),
        new PaddedCrop(4),
        new HorizontalFlip(0.5),
        new RandomErasing(0.5, 127),
        new ScaledCrop(21),
        new ColorJitter(0.4, 0.4, 0.4, 0.1));
  }

  @ParameterizedTest
  @MethodSource("all")
  void dependsOnTheNumbersOnlyAndLeavesThePictureAlone(Augmentation augmentation) {
    for (int channels : new int[] {1, 3}) {
      Image image = SyntheticImages.pattern(37, 23, channels);
      byte[] before = image.pixels().clone();
      Set<String> results = new HashSet<>();
      for (int sample = 0; sample < 20; sample++) {
        Image first = augmentation.apply(image, new SampleRandom(1, 2, sample));
        Image second = augmentation.apply(image, new SampleRandom(1, 2, sample));
        assertThat(first.pixels()).isEqualTo(second.pixels());
        assertThat(first.channels()).isEqualTo(channels);
        results.add(Expected.crc(first.pixels()));
      }
      assertThat(results).hasSizeGreaterThan(1);
      assertThat(image.pixels()).isEqualTo(before);
    }
  }

  @ParameterizedTest
  @MethodSource("all")
  void worksOnOnePixel(Augmentation augmentation) {
    Image image = SyntheticImages.pattern(1, 1, 3);
    for (int sample = 0; sample < 50; sample++) {
      assertThat(augmentation.apply(image, new SampleRandom(1, 0, sample))).isNotNull();
    }
  }

  /**
   * By a factor of 1, pixels are moved only: a part of a larger picture, a smaller one on black.
   */
  @Test
  void scaledCropMovesPixels() {
    Image image = SyntheticImages.pattern(9, 40, 3);
    ScaledCrop crop = new ScaledCrop(20, 16, 1, 1, Resampling.BILINEAR);
    Set<List<Long>> places = new HashSet<>();
    for (int sample = 0; sample < 30; sample++) {
      Placement placement = crop.place(9, 40, new SampleRandom(1, 0, sample));
      Image result = crop.apply(image, new SampleRandom(1, 0, sample));
      places.add(List.of((long) placement.part().top(), placement.toLeft()));
      for (int y = 0; y < 20; y++) {
        for (int x = 0; x < 16; x++) {
          int column = placement.sourceColumn(x);
          int expected =
              column == Placement.OUTSIDE ? 0 : image.sample(column, placement.sourceRow(y), 1);
          assertThat(result.sample(x, y, 1)).isEqualTo(expected);
        }
      }
    }
    assertThat(places).hasSizeGreaterThan(20);
    assertThatThrownBy(() -> new ScaledCrop(8, 8, 0, 1, Resampling.BILINEAR))
        .hasMessage("scaled crop: 8 x 8 pixels, factors 0.0 to 1.0");
  }

  @Test
  void paddedCropShiftsByAtMostThePadding() {
    Image image = SyntheticImages.pattern(9, 7, 3);
    Set<String> expected = new HashSet<>();
    for (int dx = -2; dx <= 2; dx++) {
      for (int dy = -2; dy <= 2; dy++) {
        expected.add(Expected.crc(shifted(image, dx, dy)));
      }
    }
    assertThat(expected).hasSize(25);
    Set<String> found = new HashSet<>();
    for (int sample = 0; sample < 500; sample++) {
      Image crop = new PaddedCrop(2).apply(image, new SampleRandom(0, 0, sample));
      found.add(Expected.crc(crop.pixels()));
    }
    assertThat(found).isEqualTo(expected);
    // A padding larger than the picture may push it out altogether.
    for (int sample = 0; sample < 100; sample++) {
      new PaddedCrop(30).apply(image, new SampleRandom(0, 0, sample));
    }
  }

  private static byte[] shifted(Image image, int dx, int dy) {
    byte[] result = new byte[image.pixels().length];
    int at = 0;
    for (int y = 0; y < image.height(); y++) {
      for (int x = 0; x < image.width(); x++) {
        for (int c = 0; c < 3; c++) {
          int fromX = x - dx;
          int fromY = y - dy;
          boolean inside =
              fromX >= 0 && fromX < image.width() && fromY >= 0 && fromY < image.height();
          result[at++] = (byte) (inside ? image.sample(fromX, fromY, c) : 0);
        }
      }
    }
    return result;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void flipMirrors(int channels) {
    Image image = SyntheticImages.pattern(9, 7, channels);
    Image flipped = new HorizontalFlip(1).apply(image, new SampleRandom(0, 0, 0));
    for (int y = 0; y < 7; y++) {
      for (int x = 0; x < 9; x++) {
        for (int channel = 0; channel < channels; channel++) {
          assertThat(flipped.sample(8 - x, y, channel)).isEqualTo(image.sample(x, y, channel));
        }
      }
    }
    assertThat(new HorizontalFlip(0).apply(image, new SampleRandom(0, 0, 0))).isSameAs(image);
  }

  @Test
  void erasesOneRectangleOfAnAreaInRange() {
    Image image = Image.grey(100, 80, new byte[8000]);
    RandomErasing erasing = new RandomErasing(1, 0.1, 0.2, 0.5, 2, 255);
    for (int sample = 0; sample < 200; sample++) {
      Image erased = erasing.apply(image, new SampleRandom(0, 0, sample));
      int left = 100;
      int right = -1;
      int top = 80;
      int bottom = -1;
      int painted = 0;
      for (int y = 0; y < 80; y++) {
        for (int x = 0; x < 100; x++) {
          if (erased.sample(x, y, 0) == 255) {
            painted++;
            left = Math.min(left, x);
            right = Math.max(right, x);
            top = Math.min(top, y);
            bottom = Math.max(bottom, y);
          }
        }
      }
      assertThat(painted).isEqualTo((right - left + 1) * (bottom - top + 1));
      assertThat(painted / 8000.0).isBetween(0.095, 0.21);
    }
  }

  @Test
  void resizedCropCoversThePictureAndKeepsConstants() {
    byte[] constant = new byte[50 * 40 * 3];
    Arrays.fill(constant, (byte) 77);
    Image image = Image.rgb(50, 40, constant);
    for (int sample = 0; sample < 100; sample++) {
      Image crop = new RandomResizedCrop(16).apply(image, new SampleRandom(5, 0, sample));
      assertThat(crop.width()).isEqualTo(16);
      assertThat(crop.height()).isEqualTo(16);
      for (byte value : crop.pixels()) {
        assertThat(value).isEqualTo((byte) 77);
      }
    }
    // The whole picture, if only that is allowed.
    RandomResizedCrop whole = new RandomResizedCrop(20, 25, 1, 1, 1.25, 1.25, Resampling.BICUBIC);
    Image pattern = SyntheticImages.pattern(50, 40, 3);
    assertThat(whole.apply(pattern, new SampleRandom(0, 0, 0)).pixels())
        .isEqualTo(pattern.resized(25, 20, Resampling.BICUBIC).pixels());
  }

  @Test
  void mixupBlendsPairsAndCutmixSwapsARectangle() {
    for (int sample = 0; sample < 50; sample++) {
      byte[][] pair = {new byte[300], new byte[300]};
      Arrays.fill(pair[0], (byte) 200);
      double own = Mixing.mixup(1).mix(pair, 10, 10, 3, new SampleRandom(0, 0, sample));
      assertThat(own).isBetween(0.0, 1.0);
      for (int i = 0; i < 300; i++) {
        assertThat(pair[0][i] & 0xff).isEqualTo((int) Math.floor(200 * own + 0.5));
        assertThat((pair[0][i] & 0xff) + (pair[1][i] & 0xff)).isBetween(199, 201);
      }
      byte[][] cut = {new byte[300], new byte[300]};
      Arrays.fill(cut[0], (byte) 200);
      double kept = Mixing.cutmix(1).mix(cut, 10, 10, 3, new SampleRandom(0, 0, sample));
      int of200 = 0;
      for (int i = 0; i < 300; i++) {
        of200 += cut[0][i] == (byte) 200 ? 1 : 0;
        assertThat((cut[0][i] & 0xff) + (cut[1][i] & 0xff)).isEqualTo(200);
      }
      assertThat(of200 / 300.0).isCloseTo(kept, within(1e-12));
    }
  }

  @Test
  void badParametersAreRefused() {
    assertThatThrownBy(() -> new HorizontalFlip(1.5)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new HorizontalFlip(Double.NaN))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new PaddedCrop(-1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new RandomResizedCrop(0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new RandomErasing(0.5, 256))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new ColorJitter(0, 0, 0, 0.6))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Mixing.mixup(-1)).isInstanceOf(IllegalArgumentException.class);
  }
}
