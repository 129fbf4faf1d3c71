package io.resfuse.verify;

import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.BilinearResize;
import io.resfuse.engine.Operation.GlobalAveragePool;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.Value;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntToDoubleFunction;

/**
 * Random numbers in int8, on quantised weights: every value of the network, in the order in which
 * they are written, and the output of the plan that writes nothing else. What convolutions of
 * integers give must be the same bits, rung {@link Rung#EXACT}. On rung {@link Rung#INFERENCE} is
 * what is computed in float32: a global average and a linear layer within
 *
 * <pre>2 u32 n sum |x| |w|</pre>
 *
 * where n is the number of terms, in whatever order either side adds them; a resize whose shares
 * have no end in binary, within as much, with six roundings of each side; and what comes behind
 * squeeze and excitation, where a value between two integers may fall to either side, within a
 * tenth of the distance in the L2 norm that int8 is off by. Rung {@link Rung#RERUN} wants the same
 * bits once more.
 */
final class IntegerRungs {
  private static final double UNIT32 = 0x1p-24;
  private static final double BEHIND_GATES = 0.1;

  private final Contest contest;
  private final VerifyCase test;
  private final Parameters floats;
  private final float[] images;
  private final Comparison exact;
  private final Comparison near;
  private final Comparison again;
  private boolean hasFloats;

  IntegerRungs(Contest contest, VerifyCase test) {
    this.contest = contest;
    this.test = test;
    this.floats = contest.fills().random(test.network());
    this.images = Drive.random(contest.fills(), test, 0).images();
    this.exact = new Comparison(test);
    this.near = new Comparison(test);
    this.again = new Comparison(test);
  }

  /** The parameters with integers that both sides can multiply. */
  static Parameters parameters(Contest contest, VerifyCase test) {
    IntegerRungs rungs = new IntegerRungs(contest, test);
    return rungs.floats.withQuantization(rungs.quantization());
  }

  private Quantization quantization() {
    boolean reduced =
        contest.subject().engine().wantsReducedWeights()
            || contest.against().engine().wantsReducedWeights();
    return Calibrated.of(contest.yardstick().engine(), reduced, test, floats, images);
  }

  List<Check> check(ErrorHistogram histogram) {
    Quantization quantization = quantization();
    compare(quantization, histogram);
    if (test.level() != Level.NETWORK) {
      compare(
          Calibrated.storing(quantization, contest.yardstick().engine(), test, floats, images),
          histogram);
    }
    List<Check> checks = new ArrayList<>();
    checks.add(exact.check(Rung.EXACT));
    checks.add(
        hasFloats
            ? near.check(Rung.INFERENCE)
            : Check.skipped(Rung.INFERENCE, "has nothing in float32 behind integers"));
    checks.add(again.check(Rung.RERUN));
    return checks;
  }

  private void compare(Quantization quantization, ErrorHistogram histogram) {
    Parameters parameters = floats.withQuantization(quantization);
    Map<String, double[]> expected = InferencePass.all(contest.against(), test, parameters, images);
    Map<String, double[]> got = InferencePass.all(contest.subject(), test, parameters, images);
    Map<String, double[]> truth =
        isGated()
            ? InferencePass.all(contest.yardstick().in(Precision.FP64), test, floats, images)
            : Map.of();
    Set<Value> gated = new HashSet<>();
    for (Operation operation : test.network().operations()) {
      Value value = operation.output();
      if (operation instanceof SqueezeExcite
          || operation.inputs().stream().anyMatch(gated::contains)) {
        gated.add(value);
      }
      String name = value.name();
      double[] values = expected.get(name);
      if (gated.contains(value)) {
        hasFloats = true;
        near.norm(name, got.get(name), values, distance(values, truth.get(name)));
      } else if (value.isFlat() || (operation instanceof BilinearResize resize && rounds(resize))) {
        hasFloats = true;
        near.special(name, got.get(name), values, bound(operation, expected, parameters));
      } else {
        exact.special(name, got.get(name), values, i -> 0);
      }
    }
    Value output = test.network().output(test.output());
    alone(output, parameters, got.get(output.name()));
    exact.doubtZeros(test.output(), expected.get(output.name()));
    histogram.add(got.get(output.name()), expected.get(output.name()));
  }

  /** The plan for the output alone, twice: what else is written changes no bit of it. */
  private void alone(Value output, Parameters parameters, double[] beside) {
    try (InferencePass run =
        new InferencePass(contest.subject(), test, test.network(), parameters)) {
      double[] first = run.run(images);
      (output.isFlat() ? near : exact).special(test.output(), first, beside, i -> 0);
      again.special(test.output(), run.run(images), first, i -> 0);
    }
  }

  private Shape shape(Value value) {
    return test.network().shapes(test.batch(), test.height(), test.width()).get(value.id());
  }

  /** Whether shares of pixels are other numbers than halves, quarters and so on. */
  private boolean rounds(BilinearResize resize) {
    Shape from = shape(resize.inputs().get(0));
    Shape to = shape(resize.output());
    for (int axis = 2; axis < 4; axis++) {
      int times = to.dimension(axis) / from.dimension(axis);
      if (times * from.dimension(axis) != to.dimension(axis) || Integer.bitCount(times) != 1) {
        return true;
      }
    }
    return false;
  }

  private boolean isGated() {
    return test.network().operations().stream().anyMatch(SqueezeExcite.class::isInstance);
  }

  private static double distance(double[] expected, double[] truth) {
    return BEHIND_GATES * Tolerance.distance(expected, truth) + 1e-6;
  }

  private int pixels(Value value) {
    Shape shape = shape(value);
    return shape.dimension(2) * shape.dimension(3);
  }

  /** How far apart two sums in float32 of the same numbers may be. */
  private IntToDoubleFunction bound(
      Operation operation, Map<String, double[]> expected, Parameters parameters) {
    Value input = operation.inputs().get(0);
    double[] from = expected.get(input.name());
    if (operation instanceof GlobalAveragePool) {
      int pixels = pixels(input);
      return i ->
          2
              * UNIT32
              * (pixels + 2)
              * Arrays.stream(from, i * pixels, (i + 1) * pixels).map(Math::abs).sum()
              / pixels;
    }
    if (operation instanceof BilinearResize) {
      int pixels = pixels(input);
      int resized = pixels(operation.output());
      return i -> {
        int plane = i / resized * pixels;
        double most = Arrays.stream(from, plane, plane + pixels).map(Math::abs).max().orElse(0);
        return 2 * UNIT32 * 6 * most;
      };
    }
    if (operation instanceof Linear linear) {
      float[] weights = parameters.get(linear.weight()).toArray();
      int in = input.channels();
      int out = linear.output().channels();
      // What it takes is off already: by the global average's number of terms.
      double terms = in + test.height() * (double) test.width() + 4;
      return i -> {
        double sum = Math.abs(parameters.get(linear.bias()).get(i % out));
        for (int c = 0; c < in; c++) {
          sum += Math.abs(weights[i % out * in + c] * from[i / out * in + c]);
        }
        return 2 * UNIT32 * terms * sum;
      };
    }
    return i -> 0;
  }
}
