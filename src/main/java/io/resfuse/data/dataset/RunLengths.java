package io.resfuse.data.dataset;

import java.util.Arrays;
import java.util.function.IntConsumer;
import java.util.function.IntPredicate;

/**
 * Pixels as COCO writes them: how many there are outside, then inside, then outside, and so on,
 * column after column from the left, each from the top. Immutable.
 */
public final class RunLengths implements Region {
  /** What a character of the compressed form begins with: '0' is 0. */
  private static final int ZERO = 48;

  private static final int MORE = 0x20;
  private static final int SIGN = 0x10;

  private final int height;
  private final int width;
  private final int[] counts;

  /**
   * Runs of a picture.
   *
   * @param height of the picture
   * @param width of the picture
   * @param counts outside and inside in turn; copied
   * @throws IllegalArgumentException if they are not the picture's pixels
   */
  public RunLengths(int height, int width, int... counts) {
    this.height = height;
    this.width = width;
    this.counts = counts.clone();
    long sum = 0;
    for (int count : counts) {
      if (count < 0) {
        throw new IllegalArgumentException("a run has " + count + " pixels");
      }
      sum += count;
    }
    if (height < 1 || width < 1 || sum != (long) height * width) {
      throw new IllegalArgumentException(
          "its runs have %d pixels, a picture of %d x %d has %d"
              .formatted(sum, width, height, (long) height * width));
    }
  }

  /**
   * The runs of the pixels that have something in common.
   *
   * @param height of the picture
   * @param width of the picture
   * @param inside is asked with row times width plus column
   * @return the runs
   */
  public static RunLengths of(int height, int width, IntPredicate inside) {
    int[] counts = new int[16];
    int size = 0;
    boolean current = false;
    int run = 0;
    for (int x = 0; x < width; x++) {
      for (int y = 0; y < height; y++) {
        if (inside.test(y * width + x) != current) {
          if (size + 2 > counts.length) {
            counts = Arrays.copyOf(counts, 2 * counts.length);
          }
          counts[size++] = run;
          run = 0;
          current = !current;
        }
        run++;
      }
    }
    counts[size++] = run;
    return new RunLengths(height, width, Arrays.copyOf(counts, size));
  }

  /**
   * Reads the compressed form, which pycocotools writes: from the fourth on, each count is the
   * difference to the one two before; six bits a character, the lowest first, of which the highest
   * says that the number goes on, and the next one, in its last character, that it is negative.
   *
   * @param height of the picture
   * @param width of the picture
   * @param text the characters
   * @return the runs
   * @throws IllegalArgumentException if it is not that
   */
  public static RunLengths parse(int height, int width, String text) {
    int[] counts = new int[text.length()];
    int size = 0;
    int at = 0;
    while (at < text.length()) {
      long value = 0;
      int shift = 0;
      int bits;
      do {
        bits = at < text.length() ? text.charAt(at) - ZERO : -1;
        if (bits < 0 || bits > 0x3f || shift > 30) {
          throw new IllegalArgumentException(
              "its compressed runs are damaged at character " + at + " of " + text.length());
        }
        value |= (long) (bits & 0x1f) << shift;
        shift += 5;
        at++;
      } while ((bits & MORE) != 0);
      if ((bits & SIGN) != 0) {
        value |= -1L << shift;
      }
      value += size > 2 ? counts[size - 2] : 0;
      if (value < 0 || value > Integer.MAX_VALUE) {
        throw new IllegalArgumentException("a run has " + value + " pixels");
      }
      counts[size++] = (int) value;
    }
    return new RunLengths(height, width, Arrays.copyOf(counts, size));
  }

  /**
   * The counts.
   *
   * @return outside and inside in turn; a copy
   */
  public int[] counts() {
    return counts.clone();
  }

  /**
   * The pixels inside.
   *
   * @return their number
   */
  public int area() {
    int area = 0;
    for (int i = 1; i < counts.length; i += 2) {
      area += counts[i];
    }
    return area;
  }

  @Override
  public void forEach(int pictureHeight, int pictureWidth, IntConsumer pixel) {
    if (pictureHeight != height || pictureWidth != width) {
      throw new IllegalArgumentException(
          "its runs are of a picture of %d x %d, the picture is %d x %d"
              .formatted(width, height, pictureWidth, pictureHeight));
    }
    int at = 0;
    for (int i = 0; i < counts.length; i++) {
      int end = at + counts[i];
      if (i % 2 == 1) {
        for (int p = at; p < end; p++) {
          pixel.accept(p % height * width + p / height);
        }
      }
      at = end;
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof RunLengths that
        && height == that.height
        && width == that.width
        && Arrays.equals(counts, that.counts);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * height + width) + Arrays.hashCode(counts);
  }

  @Override
  public String toString() {
    return width + " x " + height + ": " + Arrays.toString(counts);
  }
}
