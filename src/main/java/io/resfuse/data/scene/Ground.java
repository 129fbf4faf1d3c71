package io.resfuse.data.scene;

import io.resfuse.data.SampleRandom;

/** What is behind the garments: two colours in a pattern. */
final class Ground {
  private static final int KINDS = 3;

  private Ground() {}

  /**
   * Paints all of a picture.
   *
   * @param pixels (size, size, 3)
   */
  static void paint(byte[] pixels, int size, SampleRandom random) {
    int[] first = colour(random, 30, 200);
    int[] second = colour(random, 30, 200);
    int kind = random.nextInt(KINDS);
    int cell = 4 + random.nextInt(size / 4);
    int slope = random.nextInt(5) - 2;
    int points = (size - 1) / cell + 2;
    int[] lattice = new int[points * points];
    for (int i = 0; i < lattice.length; i++) {
      lattice[i] = random.nextInt(256);
    }
    for (int y = 0; y < size; y++) {
      for (int x = 0; x < size; x++) {
        int share =
            switch (kind) {
              case 0 -> noise(lattice, points, cell, x, y);
              case 1 -> Math.floorMod(x + slope * y, 2 * cell) < cell ? 60 : 200;
              default -> (x / cell + y / cell) % 2 == 0 ? 60 : 200;
            };
        for (int c = 0; c < 3; c++) {
          int value = (first[c] * (255 - share) + second[c] * share) / 255;
          pixels[(y * size + x) * 3 + c] = (byte) value;
        }
      }
    }
  }

  static int[] colour(SampleRandom random, int least, int most) {
    int range = most - least + 1;
    return new int[] {
      least + random.nextInt(range), least + random.nextInt(range), least + random.nextInt(range)
    };
  }

  /** Between the four points of the lattice around, linearly in both directions. */
  private static int noise(int[] lattice, int points, int cell, int x, int y) {
    int at = y / cell * points + x / cell;
    int right = x % cell;
    int down = y % cell;
    int above = lattice[at] * (cell - right) + lattice[at + 1] * right;
    int below = lattice[at + points] * (cell - right) + lattice[at + points + 1] * right;
    return (above * (cell - down) + below * down) / (cell * cell);
  }
}
