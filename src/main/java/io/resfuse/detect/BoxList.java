package io.resfuse.detect;

import java.util.Arrays;
import java.util.Objects;

/**
 * A list of boxes with a class each, which grows and can be emptied and filled again without
 * allocation. A box is (left, top, right, bottom) in pixels from the picture's upper left corner;
 * right and bottom are one past the last pixel, so that right - left is the width. Coordinates need
 * not be whole. Not thread-safe while it is written to.
 */
public final class BoxList {
  /** Numbers per box in {@link #corners}. */
  public static final int CORNERS = 4;

  private float[] corners = new float[CORNERS * 8];
  private int[] labels = new int[8];
  private float[] areas = new float[8];
  private boolean[] ignored = new boolean[8];
  private int size;

  /** An empty list. */
  public BoxList() {}

  /**
   * The number of boxes.
   *
   * @return at least 0
   */
  public int size() {
    return size;
  }

  /** Empties the list and keeps its memory. */
  public void clear() {
    size = 0;
  }

  /**
   * Adds an object whose area is that of its box.
   *
   * @param left of the first column
   * @param top of the first row
   * @param right behind the last column
   * @param bottom behind the last row
   * @param label its class, from 0
   */
  public void add(float left, float top, float right, float bottom, int label) {
    add(left, top, right, bottom, label, (right - left) * (bottom - top), false);
  }

  /**
   * Adds an object.
   *
   * @param left of the first column
   * @param top of the first row
   * @param right behind the last column
   * @param bottom behind the last row
   * @param label its class, from 0
   * @param area of the object itself in pixels, which is not more than its box has
   * @param ignore whether it is neither to be found nor wrong to find: a crowd, or too little of an
   *     object
   */
  public void add(
      float left, float top, float right, float bottom, int label, float area, boolean ignore) {
    if (size == labels.length) {
      corners = Arrays.copyOf(corners, 2 * corners.length);
      labels = Arrays.copyOf(labels, 2 * size);
      areas = Arrays.copyOf(areas, 2 * size);
      ignored = Arrays.copyOf(ignored, 2 * size);
    }
    int at = CORNERS * size;
    corners[at] = left;
    corners[at + 1] = top;
    corners[at + 2] = right;
    corners[at + 3] = bottom;
    labels[size] = label;
    areas[size] = area;
    ignored[size] = ignore;
    size++;
  }

  /**
   * Adds all boxes of another list.
   *
   * @param other is not written to
   */
  public void addAll(BoxList other) {
    for (int i = 0; i < other.size; i++) {
      int at = CORNERS * i;
      float[] c = other.corners;
      add(
          c[at],
          c[at + 1],
          c[at + 2],
          c[at + 3],
          other.labels[i],
          other.areas[i],
          other.ignored[i]);
    }
  }

  /**
   * The left edge of a box.
   *
   * @param index 0 to size - 1
   * @return pixels from the left
   */
  public float left(int index) {
    return corners[CORNERS * Objects.checkIndex(index, size)];
  }

  /**
   * The upper edge of a box.
   *
   * @param index 0 to size - 1
   * @return pixels from the top
   */
  public float top(int index) {
    return corners[CORNERS * Objects.checkIndex(index, size) + 1];
  }

  /**
   * The right edge of a box.
   *
   * @param index 0 to size - 1
   * @return pixels from the left
   */
  public float right(int index) {
    return corners[CORNERS * Objects.checkIndex(index, size) + 2];
  }

  /**
   * The lower edge of a box.
   *
   * @param index 0 to size - 1
   * @return pixels from the top
   */
  public float bottom(int index) {
    return corners[CORNERS * Objects.checkIndex(index, size) + 3];
  }

  /**
   * The class of an object.
   *
   * @param index 0 to size - 1
   * @return from 0
   */
  public int label(int index) {
    return labels[Objects.checkIndex(index, size)];
  }

  /**
   * How large an object is.
   *
   * @param index 0 to size - 1
   * @return pixels of the object itself, where they are known, else of its box
   */
  public float area(int index) {
    return areas[Objects.checkIndex(index, size)];
  }

  /**
   * Whether an object is neither to be found nor wrong to find.
   *
   * @param index 0 to size - 1
   * @return true for crowds and for objects of which too little is there
   */
  public boolean ignored(int index) {
    return ignored[Objects.checkIndex(index, size)];
  }

  /**
   * All edges, shared: (box, 4) with left, top, right and bottom.
   *
   * @return the array itself, which may be longer than the list, and is another one once the list
   *     has grown
   */
  public float[] corners() {
    return corners;
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder("[");
    for (int i = 0; i < size; i++) {
      text.append(i == 0 ? "" : ", ")
          .append(labels[i])
          .append(ignored[i] ? " ignored" : "")
          .append(": ")
          .append(Arrays.toString(Arrays.copyOfRange(corners, CORNERS * i, CORNERS * (i + 1))));
    }
    return text.append(']').toString();
  }
}
