package io.resfuse.engine.spi;

import io.resfuse.tensor.Shape;
import java.nio.FloatBuffer;

/** Holds what a loss is computed against to the shape of the output that it is of. */
final class LossArguments {
  private LossArguments() {}

  /**
   * Checks labels.
   *
   * @param output (images, classes) or (images, classes, height, width)
   * @return how many images or pixels have one
   * @throws IllegalArgumentException if there are too many or too few, one is no class and not -1,
   *     the smoothing is not in 0 to 1, or the weight is negative or not finite
   */
  static int count(int[] labels, double smoothing, double weight, Shape output) {
    int classes = output.dimension(1);
    if (labels.length != output.elements() / classes) {
      throw new IllegalArgumentException(
          output.rank() == 2
              ? "the plan has a batch of %d images, got %d labels"
                  .formatted(output.dimension(0), labels.length)
              : "the plan has a batch of %d images of %dx%d pixels, got %d labels"
                  .formatted(
                      output.dimension(0),
                      output.dimension(2),
                      output.dimension(3),
                      labels.length));
    }
    int counted = 0;
    for (int i = 0; i < labels.length; i++) {
      if (labels[i] < -1 || labels[i] >= classes) {
        throw new IllegalArgumentException(
            "label %d of %s is not one of %d classes (0 to %d, or -1 for none)"
                .formatted(labels[i], place(i, output), classes, classes - 1));
      }
      counted += labels[i] >= 0 ? 1 : 0;
    }
    if (!(smoothing >= 0 && smoothing <= 1)) {
      throw new IllegalArgumentException("label smoothing must be in 0 to 1, got " + smoothing);
    }
    if (!(weight >= 0 && Double.isFinite(weight))) {
      throw new IllegalArgumentException(
          "the weight of a loss must be finite and at least 0, got " + weight);
    }
    return counted;
  }

  private static String place(int label, Shape output) {
    if (output.rank() == 2) {
      return "image " + label;
    }
    int width = output.dimension(3);
    int plane = output.dimension(2) * width;
    int pixel = label % plane;
    return "the pixel in row %d, column %d of image %d"
        .formatted(pixel / width, pixel % width, label / plane);
  }

  /**
   * Checks targets, whose position and limit are not used.
   *
   * @param output (images, classes)
   * @throws IllegalArgumentException if there are not as many as images and classes, or the output
   *     is an image
   */
  static void check(FloatBuffer targets, Shape output) {
    if (output.rank() != 2) {
      throw new IllegalArgumentException(
          "distributions are for logits of images, these are of pixels; use labels");
    }
    if (targets.capacity() != output.elements()) {
      throw new IllegalArgumentException(
          "targets must be "
              + output.dimension(0)
              + " rows of "
              + output.dimension(1)
              + " classes, got "
              + targets.capacity()
              + " elements");
    }
  }
}
