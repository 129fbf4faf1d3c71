package io.resfuse.detect;

import java.util.Arrays;

/**
 * Decides which object each anchor stands for, as torchvision's {@code Matcher} with {@code
 * allow_low_quality_matches}: the object that it overlaps most, if that is enough. So that small
 * objects have anchors, those that overlap an object most of all anchors stand for the object that
 * they overlap most, too, which may be another one. An object that no anchor overlaps stays without
 * (torchvision would take all anchors for it). Not thread-safe: keeps its memory for the next
 * picture.
 */
public final class Matcher {
  /** The anchor stands for background. */
  public static final int BACKGROUND = -1;

  /** The anchor is between background and an object, or on what is ignored, and learns nothing. */
  public static final int BETWEEN = -2;

  private final float low;
  private final float high;
  private float[] best = new float[0];
  private int[] bestObject = new int[0];
  private boolean[] kept = new boolean[0];

  /** RetinaNet's: background below 0.4, an object from 0.5 on. */
  public Matcher() {
    this(0.4f, 0.5f);
  }

  /**
   * With other thresholds.
   *
   * @param low intersection over union below which an anchor is background
   * @param high from which on it stands for the object
   * @throws IllegalArgumentException unless 0 &lt;= low &lt;= high
   */
  public Matcher(float low, float high) {
    if (!(low >= 0 && low <= high)) {
      throw new IllegalArgumentException(
          "matcher: thresholds must be 0 <= low <= high, got %s and %s".formatted(low, high));
    }
    this.low = low;
    this.high = high;
  }

  /**
   * Matches a picture's anchors. An object that is {@linkplain BoxList#ignored ignored} is matched
   * by none; an anchor that would be background, and lies in an ignored one by {@code high} of its
   * own area or more, is {@link #BETWEEN}.
   *
   * @param anchors (anchor, 4)
   * @param objects of the picture; is not written to
   * @param matches gets, for each anchor, an index among the objects, {@link #BACKGROUND} or {@link
   *     #BETWEEN}; as long as there are anchors
   * @return how many anchors stand for an object
   */
  public int match(float[] anchors, BoxList objects, int[] matches) {
    int count = anchors.length / BoxList.CORNERS;
    if (matches.length != count) {
      throw new IllegalArgumentException(
          "%d anchors, but places for the matches of %d".formatted(count, matches.length));
    }
    begin(count);
    float[] corners = objects.corners();
    for (int object = 0; object < objects.size(); object++) {
      if (objects.ignored(object)) {
        continue;
      }
      for (int i = 0; i < count; i++) {
        float iou = Overlap.iou(corners, object, anchors, i);
        if (iou > best[i]) {
          best[i] = iou;
          bestObject[i] = object;
        }
      }
    }
    for (int object = 0; object < objects.size(); object++) {
      if (!objects.ignored(object)) {
        keepClosest(anchors, corners, object, count);
      }
    }
    int matched = 0;
    for (int i = 0; i < count; i++) {
      boolean stands = bestObject[i] >= 0 && (kept[i] || best[i] >= high);
      matches[i] =
          stands
              ? bestObject[i]
              : best[i] >= low || isIgnored(anchors, i, objects) ? BETWEEN : BACKGROUND;
      matched += stands ? 1 : 0;
    }
    return matched;
  }

  private void begin(int count) {
    if (best.length != count) {
      best = new float[count];
      bestObject = new int[count];
      kept = new boolean[count];
    }
    Arrays.fill(best, 0);
    Arrays.fill(bestObject, BACKGROUND);
    Arrays.fill(kept, false);
  }

  /** Marks the anchors that overlap an object most; they keep the object that they overlap most. */
  private void keepClosest(float[] anchors, float[] corners, int object, int count) {
    float most = 0;
    for (int i = 0; i < count; i++) {
      most = Math.max(most, Overlap.iou(corners, object, anchors, i));
    }
    for (int i = 0; i < count; i++) {
      if (most > 0 && Overlap.iou(corners, object, anchors, i) == most) {
        kept[i] = true;
      }
    }
  }

  private boolean isIgnored(float[] anchors, int anchor, BoxList objects) {
    for (int object = 0; object < objects.size(); object++) {
      if (objects.ignored(object)
          && Overlap.share(anchors, anchor, objects.corners(), object) >= high) {
        return true;
      }
    }
    return false;
  }
}
