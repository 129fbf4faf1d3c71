package io.resfuse.data.augment;

import io.resfuse.data.image.Image;
import io.resfuse.data.image.Placement;
import io.resfuse.detect.BoxList;
import java.nio.ByteBuffer;

/**
 * Moves maps and boxes as placements have moved their picture, one after the other. Maps take the
 * nearest pixel in each step. Not thread-safe: keeps its memory for the next picture.
 */
public final class Movement {
  /** What maps have where the picture has nothing: pixels without a class. */
  public static final int NOTHING = 255;

  /**
   * The share of a box's area that must still be in the picture; a box with less is ignored from
   * then on, neither to be found nor wrong to find, and one with nothing is left out.
   */
  public static final float LEAST_REMAINING = 0.25f;

  private final Axis columns = new Axis();
  private final Axis rows = new Axis();
  private byte[] line = new byte[0];
  private int width;
  private int height;

  /** A movement of nothing. */
  public Movement() {}

  /** One direction: where pixels come from, where coordinates go, and what of it is still there. */
  private static final class Axis {
    private int[] sources = new int[0];
    private int[] before = new int[0];
    private double scale;
    private double offset;
    private double least;
    private double most;

    void begin(int length) {
      sources = sized(sources, length);
      for (int i = 0; i < length; i++) {
        sources[i] = i;
      }
      scale = 1;
      offset = 0;
      least = 0;
      most = length;
    }

    /** Makes place for the sources of another number of pixels. */
    void next(int length) {
      int[] kept = before;
      before = sources;
      sources = sized(kept, length);
    }

    private static int[] sized(int[] array, int length) {
      return array.length < length ? new int[length] : array;
    }

    void move(double factor, double shift) {
      scale *= factor;
      offset = offset * factor + shift;
      least = least * factor + shift;
      most = most * factor + shift;
    }

    void cut(double from, double to) {
      least = Math.max(least, from);
      most = Math.min(most, to);
    }

    void mirror(int length) {
      scale = -scale;
      offset = length - offset;
      double kept = least;
      least = length - most;
      most = length - kept;
    }

    double moved(double value) {
      return value * scale + offset;
    }

    double inside(double value) {
      return Math.max(least, Math.min(value, most));
    }
  }

  /**
   * Begins with a picture as it is.
   *
   * @param pictureWidth in pixels
   * @param pictureHeight in pixels
   */
  public void begin(int pictureWidth, int pictureHeight) {
    width = pictureWidth;
    height = pictureHeight;
    columns.begin(width);
    rows.begin(height);
  }

  /**
   * Moves what has been moved so far.
   *
   * @param placement of a picture that is as large as the canvas of the one before
   */
  public void add(Placement placement) {
    columns.next(placement.width());
    for (int x = 0; x < placement.width(); x++) {
      columns.sources[x] = before(columns, placement.sourceColumn(x));
    }
    rows.next(placement.height());
    for (int y = 0; y < placement.height(); y++) {
      rows.sources[y] = before(rows, placement.sourceRow(y));
    }
    Placement.Part part = placement.part();
    move(columns, part.left(), part.width(), placement.scaledWidth(), placement.toLeft());
    columns.cut(0, placement.width());
    move(rows, part.top(), part.height(), placement.scaledHeight(), placement.toTop());
    rows.cut(0, placement.height());
    if (placement.mirrored()) {
      columns.mirror(placement.width());
    }
    width = placement.width();
    height = placement.height();
  }

  private static int before(Axis axis, int source) {
    return source == Placement.OUTSIDE ? Placement.OUTSIDE : axis.before[source];
  }

  private static void move(Axis axis, int from, int length, long scaled, long to) {
    axis.cut(from, (double) from + length);
    double factor = (double) scaled / length;
    axis.move(factor, to - from * factor);
  }

  /**
   * The width now.
   *
   * @return pixels
   */
  public int width() {
    return width;
  }

  /**
   * The height now.
   *
   * @return pixels
   */
  public int height() {
    return height;
  }

  /**
   * Moves a map.
   *
   * @param map one channel, as large as the picture at the beginning
   * @param target gets (height, width) of {@link #height()} and {@link #width()}, {@link #NOTHING}
   *     where the picture has nothing; its position stays
   * @param at where in the target
   */
  public void map(Image map, ByteBuffer target, int at) {
    if (line.length != width) {
      line = new byte[width];
    }
    byte[] pixels = map.pixels();
    for (int y = 0; y < height; y++) {
      int row = rows.sources[y];
      for (int x = 0; x < width; x++) {
        int column = columns.sources[x];
        line[x] =
            row == Placement.OUTSIDE || column == Placement.OUTSIDE
                ? (byte) NOTHING
                : pixels[row * map.width() + column];
      }
      target.put(at + y * width, line);
    }
  }

  /**
   * Moves boxes, and cuts them to what is still there of the picture. Areas change in proportion.
   *
   * @param boxes in the picture at the beginning
   * @param target gets those of which something is left
   */
  public void boxes(BoxList boxes, BoxList target) {
    for (int i = 0; i < boxes.size(); i++) {
      double first = columns.moved(boxes.left(i));
      double second = columns.moved(boxes.right(i));
      double left = Math.min(first, second);
      double right = Math.max(first, second);
      double top = rows.moved(boxes.top(i));
      double bottom = rows.moved(boxes.bottom(i));
      double newLeft = columns.inside(left);
      double newRight = columns.inside(right);
      double newTop = rows.inside(top);
      double newBottom = rows.inside(bottom);
      if (!(newLeft < newRight && newTop < newBottom)) {
        continue;
      }
      double remaining =
          (newRight - newLeft) * (newBottom - newTop) / ((right - left) * (bottom - top));
      double scale = Math.abs(columns.scale) * rows.scale;
      target.add(
          (float) newLeft,
          (float) newTop,
          (float) newRight,
          (float) newBottom,
          boxes.label(i),
          (float) (boxes.area(i) * scale * remaining),
          boxes.ignored(i) || remaining < LEAST_REMAINING);
    }
  }
}
