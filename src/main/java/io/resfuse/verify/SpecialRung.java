package io.resfuse.verify;

import io.resfuse.engine.Engine.Mode;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Parameters;
import java.util.Arrays;
import java.util.function.IntToDoubleFunction;
import java.util.stream.Stream;

/**
 * Unusual images, forward with running statistics. Zeros and subnormals must give what is expected;
 * an image of NaN must give NaN where it is expected, and no other image may notice it, or one of
 * infinities, in a single bit.
 */
final class SpecialRung {
  private SpecialRung() {}

  static Check check(Contest contest, VerifyCase test) {
    boolean isEdge = test.level() == Level.EDGES;
    boolean copies = test.network().operations().get(0) instanceof Operation.SubsampledIdentity;
    boolean isTrained = isEdge && !copies && !test.hasBatchNorm() && canTrain(contest);
    if (isEdge && !isTrained) {
      return Check.skipped(Rung.SPECIAL, "is like that of other operations");
    }
    Parameters parameters = contest.fills().random(test.network());
    float[] images = Drive.random(contest.fills(), test, 0).images();
    Comparison comparison = new Comparison(test);
    try (InferencePass subject =
            new InferencePass(contest.subject(), test, test.network(), parameters);
        InferencePass against =
            new InferencePass(contest.against(), test, test.network(), parameters)) {
      for (float tiny : new float[] {0, 0x1p-130f}) {
        float[] dark = new float[images.length];
        Arrays.fill(dark, tiny);
        double[] expected = against.run(dark);
        comparison.special(
            test.output(), subject.run(dark), expected, tolerance(contest, test, expected));
      }
      double[] clean = subject.run(images);
      for (float odd : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
        float[] spoilt = images.clone();
        Arrays.fill(spoilt, 0, images.length / test.batch(), odd);
        neighbours(comparison, test, odd, clean, subject.run(spoilt), against.run(spoilt), true);
      }
    }
    if (isTrained) {
      training(contest, test, parameters, comparison);
    }
    return comparison.check(Rung.SPECIAL);
  }

  private static boolean canTrain(Contest contest) {
    return Stream.of(contest.subject(), contest.against())
        .allMatch(side -> side.engine().whyNot(side.precision(), Mode.TRAINING).isEmpty());
  }

  /**
   * The same of the forward pass of training, which has kernels of its own; a max pool is given a
   * single NaN, of which an engine may make a whole image of NaN, but not less than is expected.
   * One in the gradients must show in their norm, by which loss scaling knows that there was an
   * overflow.
   */
  private static void training(
      Contest contest, VerifyCase test, Parameters parameters, Comparison comparison) {
    Drive drive = Drive.random(contest.fills(), test, 0);
    float[] spoilt = drive.images().clone();
    int image = spoilt.length / test.batch();
    if (test.network().operations().get(0) instanceof Operation.MaxPool) {
      spoilt[image / 2] = Float.NaN;
    } else {
      Arrays.fill(spoilt, 0, image, Float.NaN);
    }
    try (TrainingPass subject =
            new TrainingPass(contest.subject(), test, test.network(), parameters);
        TrainingPass against =
            new TrainingPass(contest.against(), test, test.network(), parameters)) {
      neighbours(
          comparison,
          test,
          Float.NaN,
          subject.forward(drive.images()),
          subject.forward(spoilt),
          against.forward(spoilt),
          false);
      double norm = subject.normOfNaN(drive);
      if (!test.network().parameters().isEmpty() && !Double.isNaN(norm)) {
        comparison.fail(
            "%s: got %s, expected NaN, where a gradient is"
                .formatted(Names.NORM, Comparison.number(norm)));
      }
    }
  }

  private static IntToDoubleFunction tolerance(
      Contest contest, VerifyCase test, double[] expected) {
    double largest = Arrays.stream(expected).map(Math::abs).max().orElse(0);
    double units = contest.outputUnit() * Math.sqrt(test.longestSum());
    return i -> 4 * units * largest + Float.MIN_NORMAL;
  }

  private static void neighbours(
      Comparison comparison,
      VerifyCase test,
      float odd,
      double[] clean,
      double[] got,
      double[] expected,
      boolean onlyThere) {
    int perImage = got.length / test.batch();
    for (int i = 0; i < got.length; i++) {
      boolean isRight =
          i >= perImage
              ? Double.compare(got[i], clean[i]) == 0
              : !Float.isNaN(odd)
                  || Double.isNaN(got[i]) == Double.isNaN(expected[i])
                  || (!onlyThere && Double.isNaN(got[i]));
      if (!isRight) {
        comparison.fail(
            "%s at %s: got %s, expected %s, where the first image has %s"
                .formatted(
                    test.output(),
                    test.coordinate(test.output(), i),
                    Comparison.number(got[i]),
                    Comparison.number(i >= perImage ? clean[i] : expected[i]),
                    odd));
        return;
      }
    }
  }
}
