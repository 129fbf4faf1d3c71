package io.resfuse.train;

import io.resfuse.data.SampleRandom;
import io.resfuse.data.dataset.SegmentationDataset;
import io.resfuse.data.image.Image;
import java.util.Arrays;
import java.util.List;

/**
 * Colour pictures of 16 x 16 with a red and a blue square on grey ground; the top row has no class.
 */
record Squares16(int size, long seed) implements SegmentationDataset {
  static final List<String> CLASSES = List.of("ground", "red", "blue");
  private static final int SIDE = 16;

  @Override
  public String name() {
    return "squares " + seed;
  }

  @Override
  public List<String> classes() {
    return CLASSES;
  }

  @Override
  public Image image(int index) {
    byte[] map = map(index).pixels();
    SampleRandom random = new SampleRandom(seed, 1, index);
    byte[] pixels = new byte[3 * SIDE * SIDE];
    for (int i = 0; i < map.length; i++) {
      for (int channel = 0; channel < 3; channel++) {
        boolean strong = map[i] == 1 ? channel == 0 : map[i] == 2 && channel == 2;
        pixels[3 * i + channel] = (byte) ((strong ? 180 : 60) + random.nextInt(60));
      }
    }
    return Image.rgb(SIDE, SIDE, pixels);
  }

  @Override
  public Image map(int index) {
    SampleRandom random = new SampleRandom(seed, 0, index);
    byte[] map = new byte[SIDE * SIDE];
    for (byte label = 1; label <= 2; label++) {
      int left = random.nextInt(10);
      int top = random.nextInt(10);
      for (int y = top; y < top + 6; y++) {
        Arrays.fill(map, SIDE * y + left, SIDE * y + left + 6, label);
      }
    }
    Arrays.fill(map, 0, SIDE, (byte) IGNORED);
    return Image.grey(SIDE, SIDE, map);
  }
}
