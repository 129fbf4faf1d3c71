package io.resfuse.engine.spi;

import java.nio.FloatBuffer;

/** Holds what a loss is computed against to the number of images and classes. */
final class LossArguments {
  private LossArguments() {}

  /**
   * Checks labels.
   *
   * @return how many images have one
   * @throws IllegalArgumentException if there are too many or too few, one is no class and not -1,
   *     or the smoothing is not in 0 to 1
   */
  static int count(int[] labels, double smoothing, int images, int classes) {
    if (labels.length != images) {
      throw new IllegalArgumentException(
          "the plan has a batch of " + images + " images, got " + labels.length + " labels");
    }
    int counted = 0;
    for (int n = 0; n < images; n++) {
      if (labels[n] < -1 || labels[n] >= classes) {
        throw new IllegalArgumentException(
            "label "
                + labels[n]
                + " of image "
                + n
                + " is not one of "
                + classes
                + " classes (0 to "
                + (classes - 1)
                + ", or -1 for none)");
      }
      counted += labels[n] >= 0 ? 1 : 0;
    }
    if (!(smoothing >= 0 && smoothing <= 1)) {
      throw new IllegalArgumentException("label smoothing must be in 0 to 1, got " + smoothing);
    }
    return counted;
  }

  /**
   * Checks targets, whose position and limit are not used.
   *
   * @throws IllegalArgumentException if there are not as many as images and classes
   */
  static void check(FloatBuffer targets, int images, int classes) {
    if (targets.capacity() != (long) images * classes) {
      throw new IllegalArgumentException(
          "targets must be "
              + images
              + " rows of "
              + classes
              + " classes, got "
              + targets.capacity()
              + " elements");
    }
  }
}
