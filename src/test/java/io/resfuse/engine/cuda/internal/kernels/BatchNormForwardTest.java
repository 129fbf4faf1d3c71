package io.resfuse.engine.cuda.internal.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.KernelHarness.Result;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Statistics, coefficients and application of batch norms against their formulas. */
@ExtendWith(SoftCudaExtension.class)
class BatchNormForwardTest {
  enum Residual {
    NONE,
    PLAIN,
    SCALED
  }

  record Case(Format format, int rows, int channels, int blocks, Residual residual, boolean relu) {
    int elements() {
      return rows * channels;
    }
  }

  static Stream<Case> cases() {
    List<Case> cases = new ArrayList<>();
    int number = 0;
    for (Format format : Format.STORAGE) {
      for (int[] size : new int[][] {{1, 8, 1}, {37, 24, 2}, {70, 64, 2}, {7, 1032, 3}}) {
        for (Residual residual : Residual.values()) {
          cases.add(new Case(format, size[0], size[1], size[2], residual, number++ % 2 == 0));
        }
      }
    }
    return cases.stream();
  }

  private record Arrays(
      HostArray input,
      HostArray scale,
      HostArray bias,
      HostArray residual,
      HostArray residualScale,
      HostArray residualBias) {}

  private static Result apply(Case c, Arrays a) {
    boolean residual = c.residual != Residual.NONE;
    boolean scaled = c.residual == Residual.SCALED;
    return KernelHarness.run(
        "batchNormApply_" + c.format.suffix(),
        Geometries.perChannel(c.format, c.rows, c.channels, c.blocks),
        BatchNormApply.class,
        memory ->
            new BatchNormApply(
                memory.input(a.input),
                memory.input(a.scale),
                memory.input(a.bias),
                memory.input(residual ? a.residual : null),
                memory.input(scaled ? a.residualScale : null),
                memory.input(scaled ? a.residualBias : null),
                memory.output("output", c.format, c.elements()),
                memory.output("bits", Format.U8, c.elements() / c.format.perVector()),
                c.rows,
                c.channels,
                c.relu ? 1 : 0));
  }

  /** In fp32, operation by operation as the kernel has them. */
  private static double[] inFloat(Case c, Arrays a) {
    double[] x = a.input.values();
    double[] s = a.scale.values();
    double[] b = a.bias.values();
    double[] r = a.residual.values();
    double[] rs = a.residualScale.values();
    double[] rb = a.residualBias.values();
    for (int i = 0; i < x.length; i++) {
      int k = i % c.channels;
      float y = Math.fma((float) x[i], (float) s[k], (float) b[k]);
      if (c.residual == Residual.PLAIN) {
        y += (float) r[i];
      } else if (c.residual == Residual.SCALED) {
        y += Math.fma((float) r[i], (float) rs[k], (float) rb[k]);
      }
      x[i] = c.format.round(c.relu && y < 0 ? 0 : y);
    }
    return x;
  }

  private static Arrays random(Case c, SplittableRandom random) {
    return new Arrays(
        HostArray.gaussian(c.format, c.elements(), 0.3, 2, random),
        HostArray.gaussian(Format.F32, c.channels, 0.5, 1, random),
        HostArray.gaussian(Format.F32, c.channels, 0.5, 1, random),
        HostArray.gaussian(c.format, c.elements(), 0.3, 2, random),
        HostArray.gaussian(Format.F32, c.channels, 0.5, 1, random),
        HostArray.gaussian(Format.F32, c.channels, 0.5, 1, random));
  }

  /** The output, and which of its elements are positive. */
  private static void check(Case c, Result result, double[] expected) {
    Compare.exactlySparse(c.toString(), result.get("output"), expected);
    HostArray output = HostArray.of(c.format, expected);
    double[] bits = BatchNormBackwardTest.bits(output).values();
    Compare.exactlySparse(c + ", bits", result.get("bits"), bits);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void appliesSmallIntegersExactly(Case c) {
    SplittableRandom random = new SplittableRandom(1);
    Arrays a =
        new Arrays(
            HostArray.integers(c.format, c.elements(), 8, random),
            HostArray.integers(Format.F32, c.channels, 3, random),
            HostArray.integers(Format.F32, c.channels, 9, random),
            HostArray.integers(c.format, c.elements(), 8, random),
            HostArray.integers(Format.F32, c.channels, 3, random),
            HostArray.integers(Format.F32, c.channels, 9, random));
    double[] expected = inFloat(c, a);
    check(c, apply(c, a), expected);
    assertThat(java.util.Arrays.stream(expected).anyMatch(x -> x != 0)).isTrue();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void appliesAsInFloat64(Case c) {
    Arrays a = random(c, new SplittableRandom(2));
    Result result = apply(c, a);
    check(c, result, inFloat(c, a));
    double[] got = result.get("output");
    double[] x = a.input.values();
    double[] s = a.scale.values();
    double[] b = a.bias.values();
    double[] r = a.residual.values();
    double[] rs = a.residualScale.values();
    double[] rb = a.residualBias.values();
    double[] expected = new double[x.length];
    double[] magnitude = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      int k = i % c.channels;
      double one = c.residual == Residual.SCALED ? rs[k] : c.residual == Residual.PLAIN ? 1 : 0;
      double offset = c.residual == Residual.SCALED ? rb[k] : 0;
      double y = x[i] * s[k] + b[k] + r[i] * one + offset;
      expected[i] = c.relu ? Math.max(0, y) : y;
      magnitude[i] =
          Math.abs(x[i] * s[k]) + Math.abs(b[k]) + Math.abs(r[i] * one) + Math.abs(offset);
    }
    Compare.sums(c.toString(), c.format, got, expected, 4, i -> magnitude[i]);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void passesOnWhatIsNotFinite(Case c) {
    SplittableRandom random = new SplittableRandom(3);
    Arrays a = random(c, random);
    Arrays special =
        new Arrays(
            a.input.withSpecials(random),
            a.scale,
            a.bias,
            a.residual.withSpecials(random),
            a.residualScale,
            a.residualBias);
    check(c, apply(c, special), inFloat(c, special));
  }

  @Test
  void worksInPlace() {
    Case c = new Case(Format.F16, 33, 40, 2, Residual.PLAIN, true);
    Arrays a = random(c, new SplittableRandom(4));
    Result result =
        KernelHarness.run(
            "batchNormApply_f16",
            Geometries.perChannel(c.format, c.rows, c.channels, c.blocks),
            BatchNormApply.class,
            memory -> {
              long residual = memory.inOut("output", a.residual);
              return new BatchNormApply(
                  memory.input(a.input),
                  memory.input(a.scale),
                  memory.input(a.bias),
                  residual,
                  0,
                  0,
                  residual,
                  0,
                  c.rows,
                  c.channels,
                  1);
            });
    Compare.exactlySparse(c.toString(), result.get("output"), inFloat(c, a));
  }

  // Statistics.

  /** Rows of a channel, cut into tiles. */
  private record Tiles(int rows, int rowsPerTile, int channels, List<double[]> values) {
    int tiles() {
      return Geometries.ceil(rows, rowsPerTile);
    }

    static Tiles random(int rows, int rowsPerTile, int channels, double mean, long seed) {
      SplittableRandom random = new SplittableRandom(seed);
      List<double[]> values = new ArrayList<>();
      for (int c = 0; c < channels; c++) {
        double deviation = 0.5 + random.nextDouble();
        values.add(
            HostArray.gaussian(Format.F32, rows, mean * (c % 3 - 1), deviation, random).values());
      }
      return new Tiles(rows, rowsPerTile, channels, values);
    }

    double mean(int channel, int begin, int end) {
      double sum = 0;
      for (int i = begin; i < end; i++) {
        sum += values.get(channel)[i];
      }
      return sum / (end - begin);
    }

    double squares(int channel, int begin, int end) {
      double mean = mean(channel, begin, end);
      double sum = 0;
      for (int i = begin; i < end; i++) {
        sum += (values.get(channel)[i] - mean) * (values.get(channel)[i] - mean);
      }
      return sum;
    }

    /** [tile][2][channels]. */
    double[] statistics(int rowsEach) {
      int count = Geometries.ceil(rows, rowsEach);
      double[] result = new double[count * 2 * channels];
      for (int t = 0; t < count; t++) {
        int end = Math.min(rows, (t + 1) * rowsEach);
        for (int c = 0; c < channels; c++) {
          result[2 * t * channels + c] = mean(c, t * rowsEach, end);
          result[(2 * t + 1) * channels + c] = squares(c, t * rowsEach, end);
        }
      }
      return result;
    }
  }

  static Stream<int[]> tilings() {
    // rows, rows per tile, channels, tiles per group
    return Stream.of(
        new int[] {1, 128, 8, 4},
        new int[] {1000, 8, 8, 7},
        new int[] {777, 5, 40, 100},
        new int[] {4096, 64, 64, 33},
        new int[] {3000, 1, 24, 128});
  }

  @ParameterizedTest
  @MethodSource("tilings")
  void mergesTiles(int[] size) {
    Tiles tiles = Tiles.random(size[0], size[1], size[2], 100, 5);
    int perGroup = size[3];
    int groups = Geometries.ceil(tiles.tiles(), perGroup);
    double[] got =
        KernelHarness.run(
                "batchNormMerge",
                new Geometry(groups, Geometries.ceil(tiles.channels, 32), 1, 8, 32, 0),
                BatchNormMerge.class,
                memory ->
                    new BatchNormMerge(
                        memory.input(HostArray.of(Format.F32, tiles.statistics(tiles.rowsPerTile))),
                        memory.output("merged", Format.F32, groups * 2 * tiles.channels),
                        tiles.channels,
                        tiles.tiles(),
                        tiles.rowsPerTile,
                        tiles.rows,
                        perGroup))
            .get("merged");
    double[] expected = tiles.statistics(tiles.rowsPerTile * perGroup);
    compareStatistics(tiles, perGroup, got, expected);
  }

  /** Means to a few units; squares without any cancellation, however large the mean. */
  private static void compareStatistics(
      Tiles tiles, int perGroup, double[] got, double[] expected) {
    for (int i = 0; i < got.length; i++) {
      boolean squares = i / tiles.channels % 2 == 1;
      double error = Math.abs(got[i] - expected[i]);
      // Tiles' means are rounded: that alone moves the squares by their rounding times the spread
      // of the means.
      double rounding = tiles.rowsPerTile * perGroup * 2.0 * 100 * Compare.UNIT;
      double tolerance =
          squares ? 2e-6 * expected[i] + rounding : 1e-6 * Math.abs(expected[i]) + 1e-6;
      assertThat(error).as("element %d: %s, not %s", i, got[i], expected[i]).isLessThan(tolerance);
    }
  }

  @ParameterizedTest
  @MethodSource("tilings")
  void finalizes(int[] size) {
    Tiles tiles = Tiles.random(size[0], size[1], size[2], 1, 6);
    SplittableRandom random = new SplittableRandom(7);
    int channels = tiles.channels;
    HostArray gamma = HostArray.gaussian(Format.F32, channels, 1, 0.3, random);
    HostArray beta = HostArray.gaussian(Format.F32, channels, 0, 1, random);
    HostArray runningMean = HostArray.gaussian(Format.F32, channels, 0, 1, random);
    HostArray runningVariance = HostArray.gaussian(Format.F32, channels, 5, 0.5, random);
    float momentum = 0.1f;
    float epsilon = 1e-5f;
    Result result =
        KernelHarness.run(
            "batchNormFinalize",
            Geometries.columns(channels),
            BatchNormFinalize.class,
            memory ->
                new BatchNormFinalize(
                    memory.input(HostArray.of(Format.F32, tiles.statistics(tiles.rowsPerTile))),
                    memory.input(gamma),
                    memory.input(beta),
                    memory.output("mean", Format.F32, channels),
                    memory.output("inverse", Format.F32, channels),
                    memory.output("scale", Format.F32, channels),
                    memory.output("bias", Format.F32, channels),
                    memory.inOut("runningMean", runningMean),
                    memory.inOut("runningVariance", runningVariance),
                    channels,
                    tiles.tiles(),
                    tiles.rowsPerTile,
                    tiles.rows,
                    momentum,
                    epsilon));
    for (int c = 0; c < channels; c++) {
      double mean = tiles.mean(c, 0, tiles.rows);
      double squares = tiles.squares(c, 0, tiles.rows);
      double inverse = 1 / Math.sqrt(squares / tiles.rows + epsilon);
      double scale = gamma.values()[c] * inverse;
      near("mean", result, c, mean, 1);
      near("inverse", result, c, inverse, 0);
      near("scale", result, c, scale, 0);
      near("bias", result, c, beta.values()[c] - mean * scale, 1 + Math.abs(mean * scale));
      double oldMean = runningMean.values()[c];
      double oldVariance = runningVariance.values()[c];
      near("runningMean", result, c, oldMean + momentum * (mean - oldMean), 1);
      double unbiased = squares / (tiles.rows - 1);
      near("runningVariance", result, c, oldVariance + momentum * (unbiased - oldVariance), 1);
    }
  }

  private static void near(String name, Result result, int i, double expected, double scale) {
    double got = result.get(name)[i];
    if (Double.isNaN(expected)) {
      assertThat(got).as(name).isNaN();
    } else {
      assertThat(Math.abs(got - expected))
          .as("%s[%d]: %s, not %s", name, i, got, expected)
          .isLessThanOrEqualTo(2e-6 * (Math.abs(expected) + scale));
    }
  }

  /** Every channel the same few numbers: mean 3, variance 4 in any order, so nothing is rounded. */
  @ParameterizedTest
  @ValueSource(ints = {8, 72})
  void exactStatisticsGiveExactResults(int channels) {
    int tiles = 64;
    double[] statistics = new double[tiles * 2 * channels];
    for (int t = 0; t < tiles; t++) {
      for (int c = 0; c < channels; c++) {
        statistics[2 * t * channels + c] = t % 2 == 0 ? 1 : 5;
      }
    }
    HostArray ones = HostArray.filled(Format.F32, channels, i -> 1);
    Result result =
        KernelHarness.run(
            "batchNormFinalize",
            Geometries.columns(channels),
            BatchNormFinalize.class,
            memory ->
                new BatchNormFinalize(
                    memory.input(HostArray.of(Format.F32, statistics)),
                    memory.input(ones),
                    memory.input(ones),
                    memory.output("mean", Format.F32, channels),
                    memory.output("inverse", Format.F32, channels),
                    memory.output("scale", Format.F32, channels),
                    memory.output("bias", Format.F32, channels),
                    0,
                    0,
                    channels,
                    tiles,
                    4,
                    tiles * 4,
                    0.1f,
                    0f));
    assertThat(result.get("mean")).containsOnly(3);
    assertThat(result.get("inverse")).containsOnly(0.5);
    assertThat(result.get("bias")).containsOnly(-0.5);
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 264})
  void foldsRunningStatistics(int channels) {
    SplittableRandom random = new SplittableRandom(8);
    HostArray gamma = HostArray.gaussian(Format.F32, channels, 1, 0.3, random);
    HostArray beta = HostArray.gaussian(Format.F32, channels, 0, 1, random);
    HostArray mean = HostArray.gaussian(Format.F32, channels, 0, 1, random);
    HostArray variance = HostArray.filled(Format.F32, channels, i -> random.nextDouble());
    HostArray convolutionBias = HostArray.gaussian(Format.F32, channels, 0, 1, random);
    for (HostArray before : new HostArray[] {null, convolutionBias}) {
      Result result =
          KernelHarness.run(
              "batchNormFold",
              Geometry.linear(Geometries.ceil(channels, 256), 256),
              BatchNormFold.class,
              memory ->
                  new BatchNormFold(
                      memory.input(gamma),
                      memory.input(beta),
                      memory.input(mean),
                      memory.input(variance),
                      memory.input(before),
                      memory.output("scale", Format.F32, channels),
                      memory.output("bias", Format.F32, channels),
                      channels,
                      1e-5f));
      for (int c = 0; c < channels; c++) {
        double scale = gamma.values()[c] / Math.sqrt(variance.values()[c] + 1e-5f);
        double offset = (before == null ? 0 : before.values()[c]) - mean.values()[c];
        near("scale", result, c, scale, 0);
        near("bias", result, c, beta.values()[c] + offset * scale, 1 + Math.abs(offset * scale));
      }
    }
  }
}
