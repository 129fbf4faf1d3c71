package io.resfuse.verify;

import io.resfuse.engine.Parameters;
import io.resfuse.tensor.TensorLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Losses and the gradients of logits, which are the images themselves, so that all engines and
 * precisions have the same: against smoothed and hard labels, some of which are -1, against none at
 * all, and of flat logits against distributions as mixup and as label smoothing make them; of
 * logits that are images in both layouts; that NaN in one image or pixel makes the loss NaN and no
 * other one's gradient; and the same of logits so far apart that an exponential overflows unless
 * the largest of all is taken off first.
 *
 * <p>What is left is arithmetic in float32: an exponential and a logarithm of numbers up to about
 * 10 (of those further below the largest, exponentials are nearly 0), and sums of as many terms as
 * there are classes, in about 256 parts. That is relatively 1e-6 of a probability, and no
 * probability is larger than the largest gradient by more than a factor of a few: {@value
 * #RELATIVE} of it is allowed.
 */
final class LossRung {
  private static final double RELATIVE = 1e-5;

  /**
   * Images are between -2 and 2: logits are up to 256 apart, and floats end at exp(88). A power of
   * two, so that no precision rounds them.
   */
  private static final float WIDE = 64;

  private static final List<TensorLayout> LAYOUTS = List.of(TensorLayout.values());

  private LossRung() {}

  static Check check(Contest contest, VerifyCase test) {
    if (!test.isOperation()
        || !test.output().equals(VerifyCase.LOGITS)
        || !test.network().parameters().isEmpty()
        || test.shapeOf(test.output()).elements() != test.imageShape().elements()) {
      return Check.skipped(Rung.LOSS, "is no loss by itself");
    }
    Parameters none = contest.fills().random(test.network());
    Drive drive = Drive.random(contest.fills(), test, 0);
    float[] spoilt = drive.images().clone();
    boolean isFlat = test.shapeOf(test.output()).rank() == 2;
    // Engines may make all outputs of an image NaN that has one.
    Arrays.fill(spoilt, 0, isFlat ? 1 : spoilt.length / test.batch(), Float.NaN);
    Comparison comparison = new Comparison(test);
    float[] wide = drive.images().clone();
    for (int i = 0; i < wide.length; i++) {
      wide[i] *= WIDE;
    }
    float[][] sets = {drive.images(), spoilt, wide};
    for (TensorLayout layout : isFlat ? List.of(TensorLayout.NCHW) : LAYOUTS) {
      for (int i = 0; i < sets.length; i++) {
        float[] images = sets[i];
        Map<String, double[]> expected =
            contest
                .memory()
                .tensors(
                    test,
                    contest.against(),
                    "losses " + i + layout,
                    () -> losses(contest.against(), test, none, layout, images, drive));
        Map<String, double[]> got = losses(contest.subject(), test, none, layout, images, drive);
        expected.forEach((name, values) -> compare(comparison, name, got.get(name), values));
      }
    }
    return comparison.check(Rung.LOSS);
  }

  private static Map<String, double[]> losses(
      Subject side,
      VerifyCase test,
      Parameters none,
      TensorLayout layout,
      float[] images,
      Drive drive) {
    try (TrainingPass run = new TrainingPass(side, test, test.network(), none, layout)) {
      return run.losses(images, drive);
    }
  }

  private static void compare(Comparison comparison, String name, double[] got, double[] expected) {
    double largest =
        Arrays.stream(expected).filter(Double::isFinite).map(Math::abs).max().orElse(0);
    comparison.special(name, got, expected, i -> RELATIVE * largest + Float.MIN_NORMAL);
  }
}
