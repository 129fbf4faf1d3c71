package io.resfuse.detect;

import java.util.Arrays;
import java.util.List;

/**
 * The boxes that a detector's outputs are relative to (Lin et al. 2017, Focal loss for dense object
 * detection, section 4): at every place of every level of a feature pyramid one of each scale and
 * ratio, in torchvision's numbers and order. Immutable; any thread may use it.
 */
public final class Anchors {
  /** The levels of RetinaNet, whose strides are 8, 16, 32, 64 and 128. */
  public static final List<String> LEVELS = List.of("P3", "P4", "P5", "P6", "P7");

  private static final double OCTAVE_THIRD = Math.pow(2, 1.0 / 3);
  private static final double OCTAVE_TWO_THIRDS = Math.pow(2, 2.0 / 3);

  /** By level: (anchor, 4), around the origin. */
  private final float[][] cells;

  private Anchors(float[][] cells) {
    this.cells = cells;
  }

  /**
   * The nine of RetinaNet per place: sizes 32, 64, 128, 256 and 512 at P3 to P7, each at the scales
   * 1, 2^(1/3) and 2^(2/3) (rounded down to whole pixels), of height to width 0.5, 1 and 2.
   *
   * @return torchvision's
   */
  public static Anchors retinaNet() {
    int[][] sizes = new int[LEVELS.size()][];
    for (int level = 0; level < sizes.length; level++) {
      int size = 32 << level;
      sizes[level] =
          new int[] {size, (int) (size * OCTAVE_THIRD), (int) (size * OCTAVE_TWO_THIRDS)};
    }
    return of(sizes, 0.5f, 1, 2);
  }

  /**
   * Others. At a place, ratios are the outer loop and sizes the inner one.
   *
   * @param sizes by level, the side in pixels of a square of the same area
   * @param ratios of height to width
   * @return corners are rounded to whole pixels
   * @throws IllegalArgumentException if there are none, or one is not positive
   */
  public static Anchors of(int[][] sizes, float... ratios) {
    float[][] cells = new float[sizes.length][];
    for (int level = 0; level < sizes.length; level++) {
      cells[level] = cell(sizes[level], ratios);
    }
    if (cells.length == 0) {
      throw new IllegalArgumentException("anchors need at least one level");
    }
    return new Anchors(cells);
  }

  private static float[] cell(int[] sizes, float[] ratios) {
    float[] cell = new float[sizes.length * ratios.length * BoxList.CORNERS];
    int at = 0;
    for (float ratio : ratios) {
      for (int size : sizes) {
        if (size < 1 || !(ratio > 0)) {
          throw new IllegalArgumentException(
              "anchors: sizes and ratios must be positive, got %d and %s".formatted(size, ratio));
        }
        float tall = (float) Math.sqrt(ratio);
        float wide = 1 / tall;
        float halfWidth = (float) Math.rint(wide * size / 2);
        float halfHeight = (float) Math.rint(tall * size / 2);
        cell[at++] = -halfWidth;
        cell[at++] = -halfHeight;
        cell[at++] = halfWidth;
        cell[at++] = halfHeight;
      }
    }
    if (at == 0) {
      throw new IllegalArgumentException("anchors need at least one size and one ratio");
    }
    return cell;
  }

  /**
   * The number of levels.
   *
   * @return at least 1
   */
  public int levels() {
    return cells.length;
  }

  /**
   * The anchors at each place of a level.
   *
   * @param level from 0, the finest
   * @return at least 1
   */
  public int perPlace(int level) {
    return cells[level].length / BoxList.CORNERS;
  }

  /**
   * The anchors of a picture.
   *
   * @param height of the picture that the network gets, in pixels
   * @param width of it
   * @param grids rows and columns of each level's features
   * @return (anchor, 4): levels, rows, columns and anchors of a place in this order, which is that
   *     of the network's outputs in NHWC. A level's stride is the picture's size over the grid's,
   *     rounded down; a place's anchors are centred on its number times the stride
   * @throws IllegalArgumentException if there is not a grid per level, or one is empty or larger
   *     than the picture
   */
  public float[] of(int height, int width, int[]... grids) {
    if (grids.length != cells.length) {
      throw new IllegalArgumentException(
          "%d levels of anchors need as many grids, got %d".formatted(cells.length, grids.length));
    }
    int count = 0;
    for (int level = 0; level < grids.length; level++) {
      int[] grid = grids[level];
      if (grid.length != 2 || grid[0] < 1 || grid[1] < 1 || grid[0] > height || grid[1] > width) {
        throw new IllegalArgumentException(
            "level %d of a picture of %d x %d: a grid has 1 to that many rows and columns, got %s"
                .formatted(level, height, width, Arrays.toString(grid)));
      }
      count = Math.addExact(count, Math.multiplyExact(cells[level].length, grid[0] * grid[1]));
    }
    float[] anchors = new float[count];
    int at = 0;
    for (int level = 0; level < grids.length; level++) {
      int strideY = height / grids[level][0];
      int strideX = width / grids[level][1];
      for (int y = 0; y < grids[level][0]; y++) {
        for (int x = 0; x < grids[level][1]; x++) {
          for (int i = 0; i < cells[level].length; i += 2) {
            anchors[at++] = x * strideX + cells[level][i];
            anchors[at++] = y * strideY + cells[level][i + 1];
          }
        }
      }
    }
    return anchors;
  }
}
