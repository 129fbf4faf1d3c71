package io.resfuse.report;

import java.util.List;

/**
 * Points of a plot. Immutable.
 *
 * @param name in the legend
 * @param points in the order of their x; those that are not finite are left out
 * @param style how they are drawn
 */
public record Series(String name, List<Point> points, Style style) {
  /** How a series is drawn. */
  public enum Style {
    /** Joined by a line. */
    LINE,
    /** Joined by a line that is thin and pale, as the background of another. */
    FAINT,
    /** Joined by a line, with a mark on each. */
    MARKED,
    /** Marks only. */
    MARKS
  }

  /**
   * A point.
   *
   * @param x to the right
   * @param y up
   * @param label shown where the mouse rests on its mark; may be empty
   */
  public record Point(double x, double y, String label) {
    /**
     * Without a label.
     *
     * @param x to the right
     * @param y up
     */
    public Point(double x, double y) {
      this(x, y, "");
    }
  }

  /**
   * Leaves out what is not finite.
   *
   * @param name as in the record
   * @param points as in the record
   * @param style as in the record
   */
  public Series {
    points =
        points.stream()
            .filter(point -> Double.isFinite(point.x()) && Double.isFinite(point.y()))
            .toList();
  }

  /**
   * A line.
   *
   * @param name in the legend
   * @param points in the order of their x
   */
  public Series(String name, List<Point> points) {
    this(name, points, Style.LINE);
  }
}
