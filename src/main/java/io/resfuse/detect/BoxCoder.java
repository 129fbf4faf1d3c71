package io.resfuse.detect;

/**
 * Boxes as four numbers relative to an anchor (Girshick et al. 2014, appendix C), as torchvision's
 * {@code BoxCoder} with weights 1: how far the centre is off, in widths and heights of the anchor,
 * and the logarithms of how much wider and taller the box is. Stateless.
 */
public final class BoxCoder {
  /** The largest logarithm that is decoded: a box 62.5 times as large as its anchor. */
  public static final float MOST = (float) Math.log(1000.0 / 16);

  private BoxCoder() {}

  /**
   * Codes a box.
   *
   * @param boxes (box, 4): left, top, right, bottom
   * @param box which one; neither width nor height is 0
   * @param anchors (anchor, 4)
   * @param anchor which one
   * @param codes (anchor, 4), of which the anchor's are written: x, y, width, height
   */
  public static void encode(float[] boxes, int box, float[] anchors, int anchor, float[] codes) {
    int b = BoxList.CORNERS * box;
    int a = BoxList.CORNERS * anchor;
    for (int axis = 0; axis < 2; axis++) {
      float anchorSide = anchors[a + 2 + axis] - anchors[a + axis];
      float anchorCentre = anchors[a + axis] + 0.5f * anchorSide;
      float side = boxes[b + 2 + axis] - boxes[b + axis];
      float centre = boxes[b + axis] + 0.5f * side;
      codes[a + axis] = (centre - anchorCentre) / anchorSide;
      codes[a + 2 + axis] = (float) Math.log(side / anchorSide);
    }
  }

  /**
   * The box that a code stands for.
   *
   * @param codes (anchor, 4): x, y, width, height; logarithms above {@link #MOST} count as that
   * @param anchors (anchor, 4)
   * @param anchor which one
   * @param boxes gets left, top, right and bottom
   * @param box where in it
   */
  public static void decode(float[] codes, float[] anchors, int anchor, float[] boxes, int box) {
    int b = BoxList.CORNERS * box;
    int a = BoxList.CORNERS * anchor;
    for (int axis = 0; axis < 2; axis++) {
      float anchorSide = anchors[a + 2 + axis] - anchors[a + axis];
      float anchorCentre = anchors[a + axis] + 0.5f * anchorSide;
      float centre = codes[a + axis] * anchorSide + anchorCentre;
      float side = (float) Math.exp(Math.min(codes[a + 2 + axis], MOST)) * anchorSide;
      boxes[b + axis] = centre - 0.5f * side;
      boxes[b + 2 + axis] = centre + 0.5f * side;
    }
  }

  /**
   * Cuts a box to the picture.
   *
   * @param boxes (box, 4)
   * @param box which one
   * @param width of the picture in pixels
   * @param height of it
   */
  public static void clip(float[] boxes, int box, int width, int height) {
    int b = BoxList.CORNERS * box;
    for (int i = 0; i < BoxList.CORNERS; i++) {
      boxes[b + i] = Math.min(Math.max(boxes[b + i], 0), i % 2 == 0 ? width : height);
    }
  }
}
