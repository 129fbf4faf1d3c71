package io.resfuse.verify;

import io.resfuse.engine.Engine;
import io.resfuse.engine.Engine.Mode;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.RoundedSums;
import io.resfuse.tensor.Shape;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The short form of the ladder, for results on sizes that float64 loops would take long over. Not
 * thread-safe; the engine is the caller's.
 *
 * <p>In inference images do not depend on each other: the first of a batch is held against float64
 * within {@link Tolerance}. Where they do, in training, a small batch climbs {@link Rung}s. What is
 * left of a large batch is held against another engine's answer, within the tolerances of both.
 *
 * <p>All numbers are functions of the seed and of names: the same in every process.
 */
public final class Parity {
  private static final double UNIT32 = 0x1p-24;
  private static final Arithmetic TRUTH = Arithmetic.of(Precision.FP64);

  private final Fills fills;
  private final Subject truth;
  private final Map<String, double[]> known = new HashMap<>();
  private final Map<String, Quantization> quantized = new HashMap<>();

  /**
   * What was found.
   *
   * @param worst the largest error as a share of what is allowed; NaN where nothing was measured
   * @param miss what is wrong, in one line; empty if nothing
   */
  public record Finding(double worst, Optional<String> miss) {
    /** Nothing was measured, and nothing is wrong. */
    public static final Finding NONE = new Finding(Double.NaN, Optional.empty());

    /**
     * The worse of two.
     *
     * @param other of the same thing
     * @return the one that missed, or else that with the larger error
     */
    public Finding and(Finding other) {
      if (miss.isPresent() != other.miss.isPresent()) {
        return miss.isPresent() ? this : other;
      }
      return Double.isNaN(worst) || other.worst > worst ? other : this;
    }
  }

  /**
   * How an answer was computed.
   *
   * @param precision of what is stored
   * @param roundsSums whether, in int8, what a convolution gives is rounded to bytes before a
   *     residual is added ({@link RoundedSums}), which our engines do not do
   */
  public record Arithmetic(Precision precision, boolean roundsSums) {
    /**
     * As our engines compute.
     *
     * @param precision of what is stored
     * @return without roundings before additions
     */
    public static Arithmetic of(Precision precision) {
      return new Arithmetic(precision, false);
    }
  }

  /**
   * Sets the yardstick.
   *
   * @param reference the reference engine
   * @param seed of all numbers
   */
  public Parity(Engine reference, long seed) {
    this.fills = new Fills(seed);
    this.truth = new Subject(reference, Precision.FP64);
  }

  /**
   * Parameters that keep activations near 1.
   *
   * @param network whose
   * @return new tensors
   */
  public Parameters parameters(NetworkSpec network) {
    return fills.random(network);
  }

  /**
   * The same for inference. In int8 they are quantised, calibrated on the first of {@link #images}
   * by whoever asks first: all get the same integers.
   *
   * @param engine runs the network in float32 for that
   * @param precision in which they are asked for
   * @param test for which
   * @return new tensors
   */
  public Parameters parameters(Engine engine, Precision precision, VerifyCase test) {
    Parameters floats = parameters(test.network());
    if (precision != Precision.INT8) {
      return floats;
    }
    VerifyCase one = firstImage(test);
    Quantization integers =
        quantized.computeIfAbsent(
            one.toString(),
            key -> Calibrated.of(engine, engine.wantsReducedWeights(), one, floats, images(one)));
    return floats.withQuantization(integers);
  }

  /**
   * Images between -2 and 2.
   *
   * @param test for which
   * @return in NCHW order; those of a smaller batch are the beginning of those of a larger
   */
  public float[] images(VerifyCase test) {
    return fills.random(test.name() + "/images0", test.imageShape().elements(), 2);
  }

  /**
   * A gradient of the output between -1 and 1.
   *
   * @param test for which
   * @return in NCHW order
   */
  public float[] outputGradient(VerifyCase test) {
    return fills.random(test.name() + "/gradient", test.shapeOf(test.output()).elements(), 1);
  }

  /**
   * A class per image, or per pixel of an output that is an image.
   *
   * @param test for which; its output has the classes as channels
   * @return one per image or pixel
   */
  public int[] labels(VerifyCase test) {
    Shape output = test.shapeOf(test.output());
    int classes = output.dimension(1);
    int count = Math.toIntExact(output.elements() / classes);
    return fills.labels(test.name() + "/labels", count, classes);
  }

  /**
   * Holds the first image's answer in inference against float64.
   *
   * @param how it was computed; the yardstick rounds as often
   * @param test what was asked, with {@link #parameters} and {@link #images}
   * @param output in NCHW order
   * @return the distance in the L2 norm
   */
  public Finding inference(Arithmetic how, VerifyCase test, float[] output) {
    VerifyCase one = firstImage(test);
    double[] expected = answer(Mode.INFERENCE, TRUTH, one);
    double allowed = relativeBound(Mode.INFERENCE, how, one, one) * Tolerance.norm(expected);
    Comparison comparison = new Comparison(one);
    comparison.norm(one.output(), doubles(output, expected.length), expected, allowed);
    return finding(List.of(comparison.check(Rung.INFERENCE)));
  }

  /**
   * Holds the answer to a whole batch against another engine's in the same precision. How far
   * rounding carries them apart is measured on the first image, and in training, where images
   * depend on each other, on a small batch.
   *
   * @param mode inference, or the forward pass of training
   * @param how it was computed
   * @param test what was asked
   * @param small of training
   * @param output in NCHW order
   * @param otherHow how the other's was computed
   * @param expected the other's answer
   * @return the distance in the L2 norm
   */
  public Finding agreement(
      Mode mode,
      Arithmetic how,
      VerifyCase test,
      VerifyCase small,
      float[] output,
      Arithmetic otherHow,
      float[] expected) {
    VerifyCase yardstick = mode == Mode.INFERENCE ? firstImage(test) : small;
    double[] other = doubles(expected, expected.length);
    double allowed =
        (relativeBound(mode, how, yardstick, test) + relativeBound(mode, otherHow, yardstick, test))
            * Tolerance.norm(other);
    Comparison comparison = new Comparison(test);
    comparison.norm(test.output(), doubles(output, output.length), other, allowed);
    return finding(
        List.of(comparison.check(mode == Mode.INFERENCE ? Rung.INFERENCE : Rung.FORWARD)));
  }

  /**
   * Sends a small batch through two training steps and holds everything that comes out against
   * float64: outputs, loss, gradients, statistics, updated parameters.
   *
   * @param subject what is judged
   * @param test small
   * @return the worst of the rungs
   */
  public Finding training(Subject subject, VerifyCase test) {
    Contest contest = new Contest(subject, truth, truth, fills);
    return finding(
        new TrainingRungs(contest, test).check(new ErrorHistogram(), new ErrorHistogram()));
  }

  private static Finding finding(List<Check> checks) {
    Finding all = Finding.NONE;
    for (Check check : checks) {
      Optional<String> miss =
          check.isFailure() ? Optional.of(check.rung() + ": " + check.detail()) : Optional.empty();
      all = all.and(new Finding(check.worst(), miss));
    }
    return all;
  }

  private static VerifyCase firstImage(VerifyCase test) {
    return new VerifyCase(
        test.name(), test.level(), test.network(), null, 1, test.height(), test.width());
  }

  /** How far off an answer may be, as a share of its norm. */
  private double relativeBound(Mode mode, Arithmetic how, VerifyCase yardstick, VerifyCase test) {
    String output = yardstick.output();
    double[] exact = answer(mode, TRUTH, yardstick);
    return new Tolerance(
                Math.max(test.longestSum(), yardstick.longestSum()),
                Map.of(output, exact),
                Map.of(output, answer(mode, how, yardstick)),
                Map.of(output, answer(mode, Arithmetic.of(Precision.FP32), yardstick)),
                UNIT32)
            .bound(output)
        / Tolerance.norm(exact);
  }

  /** What the reference engine says, asked once. */
  private double[] answer(Mode mode, Arithmetic how, VerifyCase test) {
    return known.computeIfAbsent(
        mode + " " + how + " " + test,
        key -> {
          Subject side = truth.in(how.precision());
          Parameters parameters = parameters(truth.engine(), how.precision(), test);
          if (mode == Mode.INFERENCE) {
            return inference(side, test, parameters, how.roundsSums());
          }
          try (TrainingPass run = new TrainingPass(side, test, test.network(), parameters)) {
            return run.gradients(Drive.random(fills, test, 0)).get(test.output());
          }
        });
  }

  private double[] inference(
      Subject side, VerifyCase test, Parameters parameters, boolean roundsSums) {
    Quantization quantization = parameters.quantization();
    if (!roundsSums || quantization == null) {
      return InferencePass.once(side, test, test.network(), parameters, images(test));
    }
    RoundedSums rounded = RoundedSums.of(test.network(), quantization);
    return InferencePass.once(
        side, test, rounded.network(), rounded.parameters(parameters), images(test));
  }

  private static double[] doubles(float[] array, int length) {
    double[] doubles = new double[length];
    Arrays.setAll(doubles, i -> array[i]);
    return doubles;
  }
}
