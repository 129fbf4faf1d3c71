package io.resfuse.detect;

/**
 * What two boxes have in common. Boxes are four numbers in an array: left, top, right, bottom.
 * Stateless.
 */
public final class Overlap {
  private Overlap() {}

  /**
   * Intersection over union, as torchvision's {@code box_iou}.
   *
   * @param first boxes
   * @param i of the first box among them
   * @param second boxes
   * @param j of the second box among them
   * @return 0 to 1; NaN if both are empty
   */
  public static float iou(float[] first, int i, float[] second, int j) {
    float common = intersection(first, i, second, j);
    return common / (area(first, i) + area(second, j) - common);
  }

  /**
   * The common area as a share of the first box's, which is how COCO holds detections against
   * crowds.
   *
   * @param first boxes
   * @param i of the first box among them
   * @param second boxes
   * @param j of the second box among them
   * @return 0 to 1; NaN if the first is empty
   */
  public static float share(float[] first, int i, float[] second, int j) {
    return intersection(first, i, second, j) / area(first, i);
  }

  /**
   * The area of a box.
   *
   * @param boxes in an array
   * @param i which one
   * @return width times height
   */
  public static float area(float[] boxes, int i) {
    int at = BoxList.CORNERS * i;
    return (boxes[at + 2] - boxes[at]) * (boxes[at + 3] - boxes[at + 1]);
  }

  private static float intersection(float[] first, int i, float[] second, int j) {
    int a = BoxList.CORNERS * i;
    int b = BoxList.CORNERS * j;
    float width = Math.min(first[a + 2], second[b + 2]) - Math.max(first[a], second[b]);
    float height = Math.min(first[a + 3], second[b + 3]) - Math.max(first[a + 1], second[b + 1]);
    return Math.max(width, 0) * Math.max(height, 0);
  }
}
