package io.resfuse.verify;

import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Parameters;
import io.resfuse.tensor.Shape;

/**
 * Batch statistics that are NaN in a few channels: what a product reads behind such a batch norm is
 * NaN in these, and so is every sum over channels, whatever a ReLU in between makes of the others.
 * The channels are one of each eight, so that each element of a vector is tried by itself.
 */
final class NaNBehindPrologue {
  /** Channels of a vector of 16-bit elements. */
  private static final int VECTOR = 8;

  /**
   * Which of them: one of each two, and, counted in fours, each once. The convolution before the
   * batch norm hands each channel on as the one before.
   */
  private static final int[] PLACES = {1, 4, 6, 7};

  private NaNBehindPrologue() {}

  /** Whether a case is a product of all channels, without windows, behind a prologue. */
  static boolean applies(VerifyCase test) {
    return test.level() == Level.EDGES
        && test.hasPrologue()
        && test.exact() != null
        && test.exact().operations().get(test.exact().operations().size() - 1)
            instanceof FusedConv conv
        && conv.window().kernel() == 1
        && conv.groups() == 1
        && test.network().input().channels() % VECTOR == 0;
  }

  /** Adds what it finds. */
  static void check(Contest contest, VerifyCase test, Comparison comparison) {
    Parameters parameters = contest.fills().integers(test.exact());
    float[] clean = Drive.integers(contest.fills(), test).images();
    Shape shape = test.imageShape();
    int plane = shape.dimension(2) * shape.dimension(3);
    try (TrainingPass run = new TrainingPass(contest.subject(), test, test.exact(), parameters)) {
      for (int place : PLACES) {
        float[] images = clean.clone();
        for (int c = place; c < shape.dimension(1); c += VECTOR) {
          images[c * plane] = Float.NaN;
        }
        double[] got = run.forward(images);
        for (int i = 0; i < got.length; i++) {
          if (!Double.isNaN(got[i])) {
            comparison.fail(
                "%s at %s: got %s, expected NaN, as the statistics are of the channels %d, %d, ..."
                    .formatted(
                        test.output(),
                        test.coordinate(test.output(), i),
                        Comparison.number(got[i]),
                        place - 1,
                        place - 1 + VECTOR));
            return;
          }
        }
      }
    }
  }
}
