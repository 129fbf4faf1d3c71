package io.resfuse.train;

import io.resfuse.data.SampleRandom;
import io.resfuse.data.dataset.Dataset;
import io.resfuse.data.image.Image;
import java.util.List;

/** Grey pictures of 8 x 8 in three classes, easy to tell apart but for some noise. */
record Shapes8(int size, long seed) implements Dataset {
  static final List<String> CLASSES = List.of("rows", "columns", "blocks");

  @Override
  public String name() {
    return "shapes " + seed;
  }

  @Override
  public List<String> classes() {
    return CLASSES;
  }

  @Override
  public int label(int index) {
    return index % 3;
  }

  @Override
  public Image image(int index) {
    SampleRandom random = new SampleRandom(seed, 0, index);
    int shift = random.nextInt(4);
    byte[] pixels = new byte[64];
    for (int y = 0; y < 8; y++) {
      for (int x = 0; x < 8; x++) {
        int bit =
            switch (label(index)) {
              case 0 -> (y + shift) / 2;
              case 1 -> (x + shift) / 2;
              default -> (x + shift) / 4 + (y + shift) / 4;
            };
        pixels[8 * y + x] = (byte) (60 + 110 * (bit % 2) + random.nextInt(60));
      }
    }
    return Image.grey(8, 8, pixels);
  }
}
