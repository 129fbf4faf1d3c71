package io.resfuse.verify;

import io.resfuse.engine.Operation;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PixelScaling;
import io.resfuse.engine.Precision;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Random numbers forward with running statistics. An operation is held element by element within
 *
 * <pre>(4 u32 sqrt(K) + 8 u / sqrt(K)) sum |x| |w| + (u + u32) |expected|</pre>
 *
 * where K is the number of terms, u the unit of the precision (its term stands for the rounding of
 * weights with a batch norm folded into them, at most u sum |x| |w|), and u32 that of float32. The
 * sum of magnitudes is what the reference engine gives for the magnitudes of images and parameters.
 * Blocks and networks are held within {@link Tolerance}.
 */
final class InferenceRung {
  private static final double UNIT32 = 0x1p-24;

  private static final int COLOURS = 3;

  /** Channels that a kernel takes at once. */
  private static final int MANY = 32;

  private final Contest contest;
  private final VerifyCase test;
  private final Parameters parameters;

  InferenceRung(Contest contest, VerifyCase test) {
    this.contest = contest;
    this.test = test;
    this.parameters = contest.fills().random(test.network());
  }

  Check check(ErrorHistogram histogram) {
    float[] images = Drive.random(contest.fills(), test, 0).images();
    Comparison comparison = new Comparison(test);
    double[] expected = known(contest.against(), images);
    double[] got = run(contest.subject(), images);
    histogram.add(got, expected);
    if (test.level() == Level.EDGES) {
      CutOff.requireNumbers(contest.subject().precision(), test, test.output(), got, comparison);
    }
    if (test.isOperation()) {
      elements(comparison, images, got, expected);
    } else {
      comparison.norm(test.output(), got, expected, distance(images, expected));
    }
    if (test.level() == Level.EDGES && showsPixels() && contest.subject().engine().takesPixels()) {
      pixels(comparison);
    }
    return comparison.check(Rung.INFERENCE);
  }

  /** Images of colours, and some of many channels that are only handed on. */
  private boolean showsPixels() {
    int channels = test.network().input().channels();
    return channels == COLOURS || (channels > MANY && test.network().parameters().isEmpty());
  }

  /** Pixels that the engine normalises must give the bits that the normalised floats give. */
  private void pixels(Comparison comparison) {
    int channels = test.network().input().channels();
    List<Float> means = new ArrayList<>();
    List<Float> deviations = new ArrayList<>();
    for (int c = 0; c < channels; c++) {
      means.add(0.5f - c % 8 / 16f);
      deviations.add(0.125f * (1 + c % 3));
    }
    PixelScaling scaling = PixelScaling.of(255, means, deviations);
    byte[] pixels = contest.fills().bytes(test.name() + "/pixels", test.imageShape().elements());
    int plane = test.height() * test.width();
    float[] floats = new float[pixels.length];
    for (int i = 0; i < pixels.length; i++) {
      int channel = i % channels;
      int pixel = i / channels;
      int at = (pixel / plane * channels + channel) * plane + pixel % plane;
      floats[at] = scaling.value(channel, Byte.toUnsignedInt(pixels[i]));
    }
    double[] expected = run(contest.subject(), floats);
    double[] got =
        InferencePass.ofPixels(
            contest.subject(), test, test.network(), parameters, scaling, pixels);
    comparison.special(test.output(), got, expected, i -> 0);
  }

  private double[] run(Subject side, float[] images) {
    return InferencePass.once(side, test, test.network(), parameters, images);
  }

  /** What a side that is not judged gives. */
  private double[] known(Subject side, float[] images) {
    return contest.memory().tensor(test, side, "inference", () -> run(side, images));
  }

  /** Element by element, within the bound on rounding. */
  private void elements(Comparison comparison, float[] images, double[] got, double[] expected) {
    double[] magnitudes = magnitudes(images);
    double terms = terms();
    double perSum = perSum(contest.subject(), terms);
    if (!contest.isAgainstTruth()) {
      perSum += perSum(contest.against(), terms);
    }
    double sums = perSum;
    double unit = contest.outputUnit();
    double places = UNIT32 * places() * Arrays.stream(magnitudes).max().orElse(0);
    comparison.elements(
        test.output(),
        got,
        expected,
        i -> sums * magnitudes[i] + unit * Math.abs(expected[i]) + places + Float.MIN_NORMAL);
  }

  private double perSum(Subject side, double terms) {
    double accumulation = side.precision() == Precision.FP64 ? 0 : 4 * UNIT32 * Math.sqrt(terms);
    return accumulation + side.unit() * Math.min(1, 8 / Math.sqrt(terms));
  }

  /**
   * A resize takes shares of pixels from a place among them; in float32 that errs by as many units
   * as there are rows or columns, and so do the shares, of whatever pixels lie there.
   */
  private int places() {
    List<Shape> shapes = test.network().shapes(test.batch(), test.height(), test.width());
    int most = 0;
    for (Operation operation : test.network().operations()) {
      if (operation instanceof Operation.BilinearResize resize) {
        Shape shape = shapes.get(resize.input().id());
        most = Math.max(most, Math.max(shape.dimension(2), shape.dimension(3)));
      }
    }
    return most;
  }

  private double terms() {
    double most = 1;
    for (ParameterSpec parameter : test.network().parameters().values()) {
      int outputs = parameter.shape().dimension(0);
      most = Math.max(most, (double) parameter.shape().elements() / outputs);
    }
    boolean pools =
        test.network().operations().stream()
            .anyMatch(
                operation ->
                    operation instanceof Operation.GlobalAveragePool
                        || operation instanceof Operation.SqueezeExcite);
    return pools ? Math.max(most, test.height() * (double) test.width()) : most;
  }

  /** The sums of magnitudes; of a running mean, which is subtracted, the negative magnitude. */
  double[] magnitudes(float[] images) {
    Parameters absolute = Parameters.zeros(test.network());
    for (Map.Entry<String, ParameterSpec> entry : test.network().parameters().entrySet()) {
      int sign = entry.getValue().role() == ParameterSpec.Role.BN_MEAN ? -1 : 1;
      float[] values = parameters.get(entry.getKey()).toArray();
      for (int i = 0; i < values.length; i++) {
        values[i] = sign * Math.abs(values[i]);
      }
      absolute.get(entry.getKey()).buffer().put(values);
    }
    float[] positive = images.clone();
    for (int i = 0; i < positive.length; i++) {
      positive[i] = Math.abs(positive[i]);
    }
    Subject truth = contest.yardstick().in(Precision.FP64);
    return contest
        .memory()
        .tensor(
            test,
            truth,
            "magnitudes",
            () -> InferencePass.once(truth, test, test.network(), absolute, positive));
  }

  private double distance(float[] images, double[] expected) {
    double[] exact =
        contest.isAgainstTruth() ? expected : known(contest.yardstick().in(Precision.FP64), images);
    Map<String, double[]> truth = Map.of(test.output(), exact);
    double allowed = bound(contest.subject(), truth, images);
    return contest.isAgainstTruth() ? allowed : allowed + bound(contest.against(), truth, images);
  }

  private double bound(Subject side, Map<String, double[]> truth, float[] images) {
    Map<String, double[]> single =
        Map.of(test.output(), known(contest.yardstick().in(Precision.FP32), images));
    Map<String, double[]> stored =
        Map.of(test.output(), known(contest.yardstick().in(side.precision()), images));
    return new Tolerance(test.longestSum(), truth, stored, single, UNIT32).bound(test.output());
  }
}
