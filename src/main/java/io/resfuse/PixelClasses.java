package io.resfuse;

import io.resfuse.data.image.Image;
import io.resfuse.tensor.HostTensor;
import java.nio.FloatBuffer;

/**
 * Classes of pixels from logits of another size, resized bilinearly as PyTorch's {@code
 * interpolate} with {@code align_corners=False} does: a pixel's centre is at half a pixel, and
 * beyond the centres at the edge the edge goes on. Stateless.
 */
final class PixelClasses {
  /** Where no logit is a number. */
  static final int NONE = 255;

  private PixelClasses() {}

  /**
   * The class of the largest logit of each pixel.
   *
   * @param logits (1, classes, height, width), at most {@link #NONE} classes
   * @param width of the map
   * @param height of the map
   */
  static Image of(HostTensor logits, int width, int height) {
    int classes = logits.shape().dimension(1);
    int rows = logits.shape().dimension(2);
    int columns = logits.shape().dimension(3);
    FloatBuffer values = logits.buffer();
    int[] left = new int[width];
    float[] share = new float[width];
    for (int x = 0; x < width; x++) {
      double at = source(x, width, columns);
      left[x] = (int) at;
      share[x] = (float) (at - left[x]);
    }
    // One row of all classes, already between the two rows above and below it.
    float[] row = new float[classes * columns];
    byte[] map = new byte[Math.multiplyExact(width, height)];
    for (int y = 0; y < height; y++) {
      double at = source(y, height, rows);
      int upper = (int) at;
      int lower = Math.min(upper + 1, rows - 1);
      float below = (float) (at - upper);
      for (int i = 0; i < classes; i++) {
        for (int x = 0; x < columns; x++) {
          float first = values.get((i * rows + upper) * columns + x);
          float second = values.get((i * rows + lower) * columns + x);
          row[i * columns + x] = first + below * (second - first);
        }
      }
      for (int x = 0; x < width; x++) {
        map[y * width + x] = (byte) largest(row, classes, columns, left[x], share[x]);
      }
    }
    return Image.grey(width, height, map);
  }

  /** Where the centre of a pixel lies among the centres of others, from 0. */
  private static double source(int at, int length, int others) {
    return Math.max(0, Math.min((at + 0.5) * others / length - 0.5, others - 1));
  }

  private static int largest(float[] row, int classes, int columns, int left, float share) {
    int right = Math.min(left + 1, columns - 1);
    int largest = NONE;
    float most = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < classes; i++) {
      float first = row[i * columns + left];
      float value = first + share * (row[i * columns + right] - first);
      if (value > most) {
        largest = i;
        most = value;
      }
    }
    return largest;
  }
}
