package io.resfuse.data.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RegionTest {
  private static BitSet pixels(Region region, int height, int width) {
    BitSet pixels = new BitSet();
    region.forEach(height, width, pixels::set);
    return pixels;
  }

  private static BitSet set(int... pixels) {
    BitSet set = new BitSet();
    for (int pixel : pixels) {
      set.set(pixel);
    }
    return set;
  }

  /** Columns before rows: of 2 rows and 3 columns, runs of 1, 3 and 2 are these. */
  @Test
  void runsByHand() {
    RunLengths runs = new RunLengths(2, 3, 1, 3, 2);
    assertThat(pixels(runs, 2, 3)).isEqualTo(set(3, 1, 4));
    assertThat(runs.area()).isEqualTo(3);
    assertThat(pixels(new RunLengths(2, 2, 0, 4), 2, 2)).isEqualTo(set(0, 1, 2, 3));
    assertThat(pixels(new RunLengths(2, 2, 4), 2, 2)).isEqualTo(set());
  }

  @Test
  void runsOfPixelsGiveThemBack() {
    Random random = new Random(4);
    for (int i = 0; i < 50; i++) {
      int height = 1 + random.nextInt(20);
      int width = 1 + random.nextInt(20);
      BitSet inside = new BitSet();
      for (int p = 0; p < height * width; p++) {
        inside.set(p, random.nextInt(3) == 0);
      }
      RunLengths runs = RunLengths.of(height, width, inside::get);
      assertThat(pixels(runs, height, width)).isEqualTo(inside);
      assertThat(runs.area()).isEqualTo(inside.cardinality());
      assertThat(RunLengths.parse(height, width, compressed(runs.counts()))).isEqualTo(runs);
    }
  }

  /** By the rule as it is described, in steps of its own: binary digits, from the highest on. */
  private static String compressed(int... counts) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < counts.length; i++) {
      long value = i > 2 ? counts[i] - counts[i - 2] : counts[i];
      int groups = 1;
      while (value < -(1L << (5 * groups - 1)) || value >= 1L << (5 * groups - 1)) {
        groups++;
      }
      for (int group = 0; group < groups; group++) {
        long bits = Math.floorMod(value >> (5 * group), 32L);
        text.append((char) (48 + bits + (group + 1 < groups ? 32 : 0)));
      }
    }
    return text.toString();
  }

  /** Digits by hand, from the description of the form. */
  @Test
  void compressedByHand() {
    // 6 is one group, 1 another, 40 = 8 + 32 * 1 is two, 4 - 1 = 3, 54 - 40 = 14.
    assertThat(RunLengths.parse(15, 7, "61X13>")).isEqualTo(new RunLengths(15, 7, 6, 1, 40, 4, 54));
    // -1 is 11111 with the sign bit; 5 - 6 = -1 from the fourth on.
    assertThat(RunLengths.parse(4, 5, "162O4")).isEqualTo(new RunLengths(4, 5, 1, 6, 2, 5, 6));
  }

  @Test
  void malformedRunsAreNamed() {
    assertThatThrownBy(() -> new RunLengths(2, 2, 1, 2))
        .hasMessage("its runs have 3 pixels, a picture of 2 x 2 has 4");
    assertThatThrownBy(() -> new RunLengths(2, 2, 5, -1)).hasMessage("a run has -1 pixels");
    assertThatThrownBy(() -> RunLengths.parse(2, 2, "4Q"))
        .hasMessage("its compressed runs are damaged at character 2 of 2");
    assertThatThrownBy(() -> RunLengths.parse(2, 2, "4\u00ff"))
        .hasMessage("its compressed runs are damaged at character 1 of 2");
    assertThatThrownBy(() -> RunLengths.parse(2, 2, "o".repeat(40)))
        .hasMessageContaining("damaged at character");
    assertThatThrownBy(() -> new RunLengths(2, 2, 4).forEach(3, 2, p -> {}))
        .hasMessage("its runs are of a picture of 2 x 2, the picture is 2 x 3");
  }

  /** Any text is runs of the picture's pixels, or refused. */
  @Test
  void noTextDoesHarm() {
    Random random = new Random(6);
    int read = 0;
    for (int i = 0; i < 20_000; i++) {
      StringBuilder text = new StringBuilder();
      for (int j = random.nextInt(6); j >= 0; j--) {
        text.append(
            (char) (random.nextInt(20) == 0 ? random.nextInt(300) : 48 + random.nextInt(9)));
      }
      try {
        RunLengths runs = RunLengths.parse(3, 4, text.toString());
        assertThat(pixels(runs, 3, 4).cardinality()).isEqualTo(runs.area()).isBetween(0, 12);
        read++;
      } catch (IllegalArgumentException e) {
        assertThat(e).hasMessageMatching("(its (compressed )?runs|a run) .*");
      }
    }
    assertThat(read).isGreaterThan(100);
  }

  @Test
  void polygonsHaveThePixelsWhoseCentresAreInside() {
    Polygons square = new Polygons(List.of(new float[] {1, 1, 3, 1, 3, 3, 1, 3}));
    assertThat(pixels(square, 4, 5)).isEqualTo(set(6, 7, 11, 12));
    Polygons half = new Polygons(List.of(new float[] {0, 0, 4, 0, 0, 4}));
    // Centres with x + y < 4; that of x + y = 4 is on the edge, which is right of the region.
    assertThat(pixels(half, 4, 4)).isEqualTo(set(0, 1, 2, 4, 5, 8));
    Polygons outside = new Polygons(List.of(new float[] {-9, -9, 99, -9, 99, 99, -9, 99}));
    assertThat(pixels(outside, 2, 2)).isEqualTo(set(0, 1, 2, 3));
    Polygons two =
        new Polygons(
            List.of(new float[] {0, 0, 2, 0, 2, 1, 0, 1}, new float[] {1, 0, 3, 0, 3, 1, 1, 1}));
    assertThat(pixels(two, 1, 4)).isEqualTo(set(0, 1, 2));
    assertThatThrownBy(() -> new Polygons(List.of(new float[] {1, 2, 3, 4})))
        .hasMessageContaining("three corners or more, got 4 numbers");
    assertThatThrownBy(() -> new Polygons(List.of())).hasMessage("there is no polygon in it");
  }
}
