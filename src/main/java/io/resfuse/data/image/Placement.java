package io.resfuse.data.image;

/**
 * Where a picture's pixels go when it is cut, resized, put on a canvas and mirrored: a part of it
 * is resized, then put on the canvas, of which it may cover some, or stick out, and then the canvas
 * is mirrored or not. What is true of places in the picture, its map or its boxes, can be moved in
 * the same way.
 *
 * @param part of the picture that is resized
 * @param scaledWidth its width afterwards
 * @param scaledHeight its height afterwards
 * @param toLeft column of the canvas, before it is mirrored, where the resized part begins
 * @param toTop row of the canvas where it begins
 * @param width of the canvas
 * @param height of the canvas
 * @param mirrored whether left and right are then exchanged
 */
public record Placement(
    Part part,
    long scaledWidth,
    long scaledHeight,
    long toLeft,
    long toTop,
    int width,
    int height,
    boolean mirrored) {
  /** No pixel of the picture. */
  public static final int OUTSIDE = -1;

  /**
   * A rectangle of a picture.
   *
   * @param left first column
   * @param top first row
   * @param width columns, at least 1
   * @param height rows, at least 1
   */
  public record Part(int left, int top, int width, int height) {}

  /**
   * A part that becomes a picture of its own.
   *
   * @param part of the picture
   * @param width of the result
   * @param height of the result
   * @return the placement
   */
  public static Placement resized(Part part, int width, int height) {
    return new Placement(part, width, height, 0, 0, width, height, false);
  }

  /**
   * The picture as it is, or its mirror image.
   *
   * @param width of the picture
   * @param height of the picture
   * @param mirrored whether left and right are exchanged
   * @return the placement
   */
  public static Placement whole(int width, int height, boolean mirrored) {
    return new Placement(
        new Part(0, 0, width, height), width, height, 0, 0, width, height, mirrored);
  }

  /**
   * The column of the picture that is nearest to a column of the canvas.
   *
   * @param x 0 to width - 1
   * @return a column, or {@link #OUTSIDE}
   */
  public int sourceColumn(int x) {
    return source((mirrored ? width - 1 - x : x) - toLeft, scaledWidth, part.left, part.width);
  }

  /**
   * The row of the picture that is nearest to a row of the canvas.
   *
   * @param y 0 to height - 1
   * @return a row, or {@link #OUTSIDE}
   */
  public int sourceRow(int y) {
    return source(y - toTop, scaledHeight, part.top, part.height);
  }

  /** The pixel in which the centre of the scaled one lies. */
  private static int source(long at, long scaled, int first, int length) {
    return at < 0 || at >= scaled ? OUTSIDE : first + (int) ((2 * at + 1) * length / (2 * scaled));
  }
}
