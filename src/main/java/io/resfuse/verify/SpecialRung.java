package io.resfuse.verify;

import io.resfuse.engine.Engine.Mode;
import io.resfuse.engine.KernelSuite;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Parameters;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntToDoubleFunction;
import java.util.stream.Stream;

/**
 * Unusual images, forward with running statistics. Zeros and subnormals must give what is expected;
 * an image of NaN must give NaN where it is expected, and no other image may notice it, or one of
 * infinities, in a single bit. Engines whose kernels are not the project's may copy by products
 * with ones and zeros, and so make NaN of a NaN's neighbours in other channels.
 */
final class SpecialRung {
  private static final float[] TINY = {0, 0x1p-130f};
  private static final float[] ODD = {Float.NaN, Float.POSITIVE_INFINITY};
  private static final String CLEAN = "clean";

  private SpecialRung() {}

  static Check check(Contest contest, VerifyCase test) {
    boolean isEdge = test.level() == Level.EDGES;
    boolean copies = test.network().operations().get(0) instanceof Operation.SubsampledIdentity;
    boolean isOfKernels = contest.subject().engine() instanceof KernelSuite;
    boolean isTrained = isEdge && !copies && !test.hasBatchNorm() && canTrain(contest);
    if (NaNBehindPrologue.applies(test) && canTrain(contest)) {
      Comparison comparison = new Comparison(test);
      NaNBehindPrologue.check(contest, test, comparison);
      return comparison.check(Rung.SPECIAL);
    }
    if (isEdge && !isTrained) {
      return Check.skipped(Rung.SPECIAL, "is like that of other operations");
    }
    Parameters parameters = contest.parameters(test);
    float[] images = Drive.random(contest.fills(), test, 0).images();
    Comparison comparison = new Comparison(test);
    Map<String, double[]> expected =
        contest
            .memory()
            .tensors(
                test,
                contest.against(),
                "special",
                () -> inference(contest.against(), test, parameters, images));
    Map<String, double[]> got = inference(contest.subject(), test, parameters, images);
    for (float tiny : TINY) {
      double[] exact = expected.get(name(tiny));
      comparison.special(
          test.output(), got.get(name(tiny)), exact, tolerance(contest, test, exact));
    }
    for (float odd : ODD) {
      double[] spoilt = expected.get(name(odd));
      neighbours(
          comparison,
          test,
          odd,
          got.get(CLEAN),
          got.get(name(odd)),
          spoilt,
          !copies || isOfKernels);
    }
    if (isTrained) {
      training(contest, test, parameters, comparison);
    }
    return comparison.check(Rung.SPECIAL);
  }

  private static String name(float special) {
    return Float.toString(special);
  }

  /** Outputs of images as they are, of such of one tiny number, and of such one of which is odd. */
  private static Map<String, double[]> inference(
      Subject side, VerifyCase test, Parameters parameters, float[] images) {
    Map<String, double[]> outputs = new HashMap<>();
    try (InferencePass run = new InferencePass(side, test, test.network(), parameters)) {
      outputs.put(CLEAN, run.run(images));
      for (float tiny : TINY) {
        float[] dark = new float[images.length];
        Arrays.fill(dark, tiny);
        outputs.put(name(tiny), run.run(dark));
      }
      for (float odd : ODD) {
        float[] spoilt = images.clone();
        Arrays.fill(spoilt, 0, images.length / test.batch(), odd);
        outputs.put(name(odd), run.run(spoilt));
      }
    }
    return outputs;
  }

  private static boolean canTrain(Contest contest) {
    return Stream.of(contest.subject(), contest.against())
        .allMatch(side -> side.engine().whyNot(side.precision(), Mode.TRAINING).isEmpty());
  }

  /**
   * The same of the forward pass of training, which has kernels of its own; a max pool is given a
   * single NaN, of which an engine may make a whole image of NaN, but not less than is expected.
   * One in the gradients must show in their norm, by which loss scaling knows that there was an
   * overflow; unless a ReLU may stop it.
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
    double[] expected =
        contest
            .memory()
            .tensor(
                test,
                contest.against(),
                "special in training",
                () -> forward(contest.against(), test, parameters, spoilt));
    try (TrainingPass subject =
        new TrainingPass(contest.subject(), test, test.network(), parameters)) {
      neighbours(
          comparison,
          test,
          Float.NaN,
          subject.forward(drive.images()),
          subject.forward(spoilt),
          expected,
          false);
      double norm = subject.normOfNaN(drive);
      boolean shows = !test.network().parameters().isEmpty() && !endsWithRelu(test);
      if (shows && !Double.isNaN(norm)) {
        comparison.fail(
            "%s: got %s, expected NaN, where a gradient is"
                .formatted(Names.NORM, Comparison.number(norm)));
      }
    }
  }

  private static double[] forward(
      Subject side, VerifyCase test, Parameters parameters, float[] images) {
    try (TrainingPass run = new TrainingPass(side, test, test.network(), parameters)) {
      return run.forward(images);
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

  private static boolean endsWithRelu(VerifyCase test) {
    List<Operation> operations = test.network().operations();
    Operation last = operations.get(operations.size() - 1);
    return (last instanceof Operation.FusedConv conv && conv.relu())
        || (last instanceof Operation.SqueezeExcite gating && gating.relu());
  }
}
