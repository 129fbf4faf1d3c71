package io.resfuse.data.dataset;

import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * The pixels whose centres lie in any of some polygons, each by the even-odd rule. COCO's own tools
 * draw edges on a finer grid instead, and take pixels along them that this does not, and the other
 * way round.
 *
 * @param corners by polygon: x and y in turn, in pixels, at least three corners
 */
public record Polygons(List<float[]> corners) implements Region {
  /**
   * Checks the polygons.
   *
   * @param corners as in the record; the arrays are not copied
   * @throws IllegalArgumentException if there are none, or one has no area
   */
  public Polygons {
    corners = List.copyOf(corners);
    for (float[] polygon : corners) {
      if (polygon.length < 6 || polygon.length % 2 != 0) {
        throw new IllegalArgumentException(
            "a polygon is x and y of three corners or more, got %d numbers"
                .formatted(polygon.length));
      }
      for (float number : polygon) {
        if (!Float.isFinite(number)) {
          throw new IllegalArgumentException("a polygon has the coordinate " + number);
        }
      }
    }
    if (corners.isEmpty()) {
      throw new IllegalArgumentException("there is no polygon in it");
    }
  }

  @Override
  public void forEach(int height, int width, IntConsumer pixel) {
    BitSet row = new BitSet(width);
    for (int y = 0; y < height; y++) {
      row.clear();
      for (float[] polygon : corners) {
        addRow(polygon, y + 0.5, width, row);
      }
      for (int x = row.nextSetBit(0); x >= 0; x = row.nextSetBit(x + 1)) {
        pixel.accept(y * width + x);
      }
    }
  }

  private static void addRow(float[] polygon, double y, int width, BitSet row) {
    double[] crossings = new double[polygon.length / 2];
    int count = 0;
    for (int i = 0; i < polygon.length; i += 2) {
      int next = (i + 2) % polygon.length;
      double x0 = polygon[i];
      double y0 = polygon[i + 1];
      double x1 = polygon[next];
      double y1 = polygon[next + 1];
      if ((y0 <= y) != (y1 <= y)) {
        crossings[count++] = x0 + (y - y0) / (y1 - y0) * (x1 - x0);
      }
    }
    Arrays.sort(crossings, 0, count);
    for (int i = 0; i + 1 < count; i += 2) {
      int from = column(crossings[i], width);
      int to = column(crossings[i + 1], width);
      row.set(from, Math.max(from, to));
    }
  }

  /** The first column whose centre is at x or right of it. */
  private static int column(double x, int width) {
    return (int) Math.max(0, Math.min(Math.ceil(x - 0.5), width));
  }
}
