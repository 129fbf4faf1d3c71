package io.resfuse.verify;

import io.resfuse.tensor.Shape;

/** What goes into a training step. Its arrays are shared, not copied. */
final class Drive {
  private final float[] images;
  private final float[] outputGradient;
  private final int[] labels;
  private final float[] targets;

  private Drive(float[] images, float[] outputGradient, int[] labels, float[] targets) {
    this.images = images;
    this.outputGradient = outputGradient;
    this.labels = labels;
    this.targets = targets;
  }

  /** Random numbers; another attempt has other images. */
  static Drive random(Fills fills, VerifyCase test, int attempt) {
    Shape out = test.shapeOf(test.output());
    return new Drive(
        fills.random(test.name() + "/images" + attempt, test.imageShape().elements(), 2),
        test.network().parameters().isEmpty()
            ? fills.scattered(test.name() + "/gradient", out.elements())
            : fills.random(test.name() + "/gradient", out.elements(), 1),
        fills.labels(test.name() + "/labels", labels(out), out.dimension(1)),
        out.rank() == 2
            ? fills.targets(test.name() + "/targets", test.batch(), out.dimension(1))
            : new float[0]);
  }

  /** One per image, or per pixel of logits that are images. */
  private static int labels(Shape logits) {
    return Math.toIntExact(logits.elements() / logits.dimension(1));
  }

  /** Small integers. */
  static Drive integers(Fills fills, VerifyCase test) {
    Shape out = test.shapeOf(test.output());
    String images = test.name() + "/images";
    return new Drive(
        test.hasPrologue()
            ? fills.balanced(images, test.imageShape())
            : fills.integers(images, test.imageShape().elements(), -2, 2, 1),
        fills.integers(test.name() + "/gradient", out.elements(), -1, 1, 1),
        fills.labels(test.name() + "/labels", labels(out), out.dimension(1)),
        new float[0]);
  }

  /**
   * Integers of seven bits and more, whose sums a half or a bfloat16 must round; small ones where a
   * prologue enlarges them.
   */
  static Drive large(Fills fills, VerifyCase test) {
    Drive small = integers(fills, test);
    if (test.hasPrologue()) {
      return small;
    }
    float[] images =
        fills.integers(test.name() + "/large", test.imageShape().elements(), -255, 255, 1);
    return new Drive(images, small.outputGradient, small.labels, small.targets);
  }

  /** Another batch: the same numbers the other way round. */
  Drive next() {
    float[] other = new float[images.length];
    for (int i = 0; i < other.length; i++) {
      other[i] = images[images.length - 1 - i];
    }
    return new Drive(other, outputGradient, labels, targets);
  }

  float[] images() {
    return images;
  }

  float[] outputGradient() {
    return outputGradient;
  }

  int[] labels() {
    return labels;
  }

  /** The same labels, but each third, the first among them, is none. */
  int[] someLabels() {
    int[] some = labels.clone();
    for (int n = 0; n < some.length; n += 3) {
      some[n] = -1;
    }
    return some;
  }

  /** A distribution over classes for each image; none of logits that are images. */
  float[] targets() {
    return targets;
  }
}
