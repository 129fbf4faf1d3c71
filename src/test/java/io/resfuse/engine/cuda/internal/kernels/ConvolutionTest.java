package io.resfuse.engine.cuda.internal.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.KernelHarness.Result;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The forward convolution and all that may follow it, against plain loops. */
@ExtendWith(SoftCudaExtension.class)
class ConvolutionTest {
  /** A convolution, how it is run, and what is fused with it. */
  record Run(
      ConvolutionCase shape,
      Format format,
      ConvolutionTile tile,
      int slices,
      int tilesPerBlock,
      boolean normalised,
      boolean inputRelu,
      boolean scale,
      boolean bias,
      boolean residual,
      boolean relu,
      boolean statistics) {
    int rowTiles() {
      return Geometries.ceil(shape.rows(), tile.rows);
    }

    int blocksOfRows() {
      return Geometries.ceil(rowTiles(), tilesPerBlock);
    }

    int columnTiles() {
      return Geometries.ceil(shape.outputs(), tile.columns);
    }

    int channels() {
      return shape.packs() * shape.gather().channels();
    }
  }

  private static Run with(ConvolutionCase shape, Format format, SplittableRandom random) {
    List<ConvolutionTile> tiles =
        ConvolutionTile.ALL.stream()
            .filter(tile -> tile.columns <= 2 * shape.outputs() || tile.columns == 32)
            .toList();
    boolean viewed = shape.gather().inputPitch() < shape.gather().channels();
    int slices = random.nextInt(3) == 0 ? random.nextInt(2, 5) : 1;
    return new Run(
        shape,
        format,
        tiles.get(random.nextInt(tiles.size())),
        slices,
        slices == 1 ? random.nextInt(1, 4) : 1,
        !viewed && random.nextBoolean(),
        random.nextBoolean(),
        random.nextBoolean(),
        random.nextBoolean(),
        random.nextBoolean(),
        random.nextBoolean(),
        random.nextInt(3) == 0);
  }

  static Stream<Run> layers() {
    return runs(ConvolutionCase.layers(), 1, 1);
  }

  static Stream<Run> ragged() {
    return runs(ConvolutionCase.ragged(), 2, 3);
  }

  /** Every case in every format, several times with other tiles and other things fused. */
  static Stream<Run> runs(List<ConvolutionCase> cases, long seed, int times) {
    SplittableRandom random = new SplittableRandom(seed);
    List<Run> runs = new ArrayList<>();
    for (ConvolutionCase shape : cases) {
      for (Format format : Format.STORAGE) {
        for (int i = 0; i < times; i++) {
          runs.add(with(shape, format, random));
        }
      }
    }
    return KernelHarness.affordable(runs);
  }

  /** Every tile in every format, with and without prologue, in one piece and in slices. */
  static Stream<Run> everyKernel() {
    ConvolutionCase shape = ConvolutionCase.of(2, 9, 10, 40, 136, 3, 1, 1, 1, 1);
    List<Run> runs = new ArrayList<>();
    for (Format format : Format.STORAGE) {
      for (ConvolutionTile tile : ConvolutionTile.ALL) {
        for (boolean normalised : new boolean[] {false, true}) {
          for (int slices : new int[] {1, 3}) {
            runs.add(
                new Run(
                    shape,
                    format,
                    tile,
                    slices,
                    slices == 1 ? 2 : 1,
                    normalised,
                    true,
                    true,
                    true,
                    true,
                    true,
                    true));
          }
        }
      }
    }
    return runs.stream();
  }

  /** What a run is given. */
  private record Arrays3(
      HostArray input,
      HostArray weights,
      HostArray residual,
      HostArray scale,
      HostArray bias,
      HostArray inputScale,
      HostArray inputBias) {}

  private static Arrays3 arrays(
      Run run, Function<Integer, HostArray> tensor, Function<Integer, HostArray> coefficients) {
    return new Arrays3(
        tensor.apply(run.shape.inputElements()),
        tensor.apply(run.shape.weightElements()),
        run.residual ? tensor.apply(run.shape.outputElements()) : null,
        run.scale ? coefficients.apply(run.shape.outputPitch()) : null,
        run.bias ? coefficients.apply(run.shape.outputPitch()) : null,
        run.normalised ? coefficients.apply(run.channels()) : null,
        run.normalised ? coefficients.apply(run.channels()) : null);
  }

  private static Result launch(Run run, Arrays3 a) {
    ConvolutionCase shape = run.shape;
    Gather gather = shape.gather();
    int tiles = run.rowTiles() * run.columnTiles();
    Geometry geometry =
        new Geometry(
            (long) run.blocksOfRows() * run.columnTiles(),
            (long) shape.packs() * run.slices,
            1,
            run.tile.threads(run.format),
            1,
            run.tile.sharedBytes(run.format) + (run.normalised ? 8 * gather.channels() : 0));
    int partials = tiles * shape.packs() * run.slices * run.tile.rows * run.tile.columns;
    double[] zeros = new double[tiles * shape.packs()];
    return KernelHarness.run(
        run.tile.kernel("conv", run.format, run.normalised),
        geometry,
        Convolution.class,
        memory ->
            new Convolution(
                memory.input(a.input),
                memory.input(a.weights),
                memory.output("output", run.format, shape.outputElements()),
                memory.input(a.residual),
                memory.input(a.scale),
                memory.input(a.bias),
                memory.input(a.inputScale),
                memory.input(a.inputBias),
                run.slices > 1 ? memory.output("partials", Format.F32, partials) : 0,
                run.slices > 1 ? memory.inOut("tickets", HostArray.of(Format.I32, zeros)) : 0,
                run.statistics
                    ? memory.output(
                        "statistics", Format.F32, 2 * run.blocksOfRows() * shape.outputPitch())
                    : 0,
                NormGradient.NONE,
                BatchEnd.NONE,
                AddedNorm.NONE,
                gather,
                shape.terms(),
                0,
                gather.tapColumns() * gather.channels(),
                gather.channels(),
                gather.gridHeight(),
                gather.gridWidth(),
                shape.outputPitch(),
                shape.outputs(),
                1,
                0,
                0,
                1,
                shape.packs(),
                run.slices,
                run.columnTiles(),
                run.tilesPerBlock,
                run.relu ? 1 : 0,
                run.inputRelu ? 1 : 0));
  }

  /** The input as the product sees it: normalised, rectified and rounded to the format. */
  static double[] normalised(
      double[] input, HostArray scale, HostArray bias, boolean relu, Format format) {
    if (scale == null) {
      return input;
    }
    double[] s = scale.values();
    double[] b = bias.values();
    double[] result = new double[input.length];
    for (int i = 0; i < input.length; i++) {
      // One rounding to float, as the fused multiply-add has it: exact in double, then rounded.
      float x = Math.fma((float) input[i], (float) s[i % s.length], (float) b[i % s.length]);
      result[i] = format.round(relu && x < 0 ? 0 : x);
    }
    return result;
  }

  /** Results before rounding, and how large the terms of their sums are together. */
  private static final class Expected {
    private final double[] values;
    private final double[] magnitudes;

    Expected(double[] values, double[] magnitudes) {
      this.values = values;
      this.magnitudes = magnitudes;
    }
  }

  private static Expected expected(Run run, Arrays3 a) {
    double[] in =
        normalised(a.input.values(), a.inputScale, a.inputBias, run.inputRelu, run.format);
    double[] weights = a.weights.values();
    int outputs = run.shape.outputPitch();
    double[] sums = new double[run.shape.outputElements()];
    double[] magnitudes = new double[sums.length];
    run.shape.forEachTerm(
        (input, weight, output) -> {
          double product = in[input] * weights[weight];
          sums[output] += product;
          magnitudes[output] += Math.abs(product);
        });
    double[] scale = a.scale == null ? null : a.scale.values();
    double[] bias = a.bias == null ? null : a.bias.values();
    double[] residual = a.residual == null ? null : a.residual.values();
    for (int i = 0; i < sums.length; i++) {
      double s = scale == null ? 1 : scale[i % outputs];
      double b = bias == null ? 0 : bias[i % outputs];
      double r = residual == null ? 0 : residual[i];
      double value = sums[i] * s + b + r;
      sums[i] = run.relu && value < 0 ? 0 : value;
      magnitudes[i] = magnitudes[i] * Math.abs(s) + Math.abs(b) + Math.abs(r);
    }
    return new Expected(sums, magnitudes);
  }

  /** Mean and sum of squared deviations of what was stored, per block of rows and channel. */
  private static void checkStatistics(Run run, Result result) {
    double[] stored = result.get("output");
    double[] got = result.get("statistics");
    int channels = run.shape.outputPitch();
    double[] expected = new double[got.length];
    double[] magnitudes = new double[got.length];
    int rows = run.tile.rows * run.tilesPerBlock;
    for (int block = 0; block < run.blocksOfRows(); block++) {
      int from = block * rows;
      int to = Math.min(run.shape.rows(), from + rows);
      for (int channel = 0; channel < channels; channel++) {
        double sum = 0;
        double size = 0;
        for (int row = from; row < to; row++) {
          sum += stored[row * channels + channel];
          size += Math.abs(stored[row * channels + channel]);
        }
        double mean = sum / (to - from);
        double squares = 0;
        for (int row = from; row < to; row++) {
          double off = stored[row * channels + channel] - mean;
          squares += off * off;
        }
        int at = 2 * block * channels + channel;
        expected[at] = mean;
        magnitudes[at] = size / (to - from);
        expected[at + channels] = squares;
        // The mean's own rounding moves every deviation.
        magnitudes[at + channels] = squares + 2 * Math.sqrt(squares * (to - from)) * Math.abs(mean);
      }
    }
    Compare.sums("statistics", Format.F32, got, expected, rows, i -> 4 * magnitudes[i] + 1e-30);
  }

  private static double[] rounded(Format format, double[] values) {
    return format.round(values);
  }

  @ParameterizedTest
  @MethodSource({"everyKernel", "layers", "ragged"})
  void smallIntegersAreExact(Run run) {
    SplittableRandom random = new SplittableRandom(run.toString().hashCode());
    Arrays3 arrays =
        arrays(
            run,
            n -> HostArray.integers(run.format, n, 2, random),
            n -> HostArray.filled(Format.F32, n, i -> 1 + random.nextInt(2)));
    Result result = launch(run, arrays);
    double[] expected = rounded(run.format, expected(run, arrays).values);
    Compare.exactlySparse("output", result.get("output"), expected);
    if (run.slices > 1) {
      assertThat(Arrays.stream(result.get("tickets")).sum()).as("tickets").isZero();
    }
  }

  @ParameterizedTest
  @MethodSource({"everyKernel", "layers", "ragged"})
  void randomNumbersAreWithinRounding(Run run) {
    SplittableRandom random = new SplittableRandom(run.toString().hashCode() + 1);
    Arrays3 arrays =
        arrays(
            run,
            n -> HostArray.gaussian(run.format, n, 0, 1, random),
            n -> HostArray.gaussian(Format.F32, n, 1, 0.3, random));
    Result result = launch(run, arrays);
    Expected expected = expected(run, arrays);
    sums("output", run.format, result.get("output"), expected, run.shape.terms() + 4);
    if (run.statistics) {
      checkStatistics(run, result);
    }
  }

  @ParameterizedTest
  @MethodSource("everyKernel")
  void whatIsNotFiniteShows(Run run) {
    SplittableRandom random = new SplittableRandom(run.toString().hashCode() + 2);
    Arrays3 plain =
        arrays(
            run,
            n -> HostArray.integers(run.format, n, 2, random),
            n -> HostArray.filled(Format.F32, n, i -> 1 + random.nextInt(2)));
    // Few enough that most outputs stay numbers.
    double[] input = plain.input.values();
    input[random.nextInt(input.length)] = Double.NaN;
    input[random.nextInt(input.length)] = Double.POSITIVE_INFINITY;
    input[random.nextInt(input.length)] = run.format.tiny();
    Arrays3 arrays =
        new Arrays3(
            HostArray.of(run.format, input),
            plain.weights,
            plain.residual,
            plain.scale,
            plain.bias,
            plain.inputScale,
            plain.inputBias);
    Expected expected = expected(run, arrays);
    Result result = launch(run, arrays);
    sums("output", run.format, result.get("output"), expected, run.shape.terms() + 4);
  }

  /** What is rectified to zero is compared apart from the rest, of which there must be enough. */
  private static void sums(
      String what, Format format, double[] got, Expected expected, double terms) {
    int[] positive = IntStream.range(0, got.length).filter(i -> expected.values[i] != 0).toArray();
    assertThat(positive.length).as("results other than zero").isGreaterThan(got.length / 10);
    Compare.sums(
        what,
        format,
        IntStream.of(positive).mapToDouble(i -> got[i]).toArray(),
        IntStream.of(positive).mapToDouble(i -> expected.values[i]).toArray(),
        terms,
        i -> expected.magnitudes[positive[i]]);
    for (int i = 0; i < got.length; i++) {
      if (expected.values[i] == 0) {
        double tolerance = 4 * Compare.UNIT * Math.sqrt(terms) * expected.magnitudes[i];
        assertThat(Math.abs(got[i])).as("%s[%d]", what, i).isLessThanOrEqualTo(tolerance);
      }
    }
  }

  /** One launch per residue class of the stride writes the gradient of the input. */
  @ParameterizedTest
  @MethodSource("strided")
  void residueClassesGiveTheGradientOfTheInput(ConvolutionCase forward, Format format) {
    SplittableRandom random = new SplittableRandom(forward.toString().hashCode());
    HostArray gradient = HostArray.integers(format, forward.outputElements(), 2, random);
    HostArray weights = HostArray.integers(format, forward.weightElements(), 2, random);
    Gather g = forward.gather();
    double[] expected = new double[forward.inputElements()];
    double[] gradients = gradient.values();
    double[] w = weights.values();
    forward.forEachTerm(
        (input, weight, output) -> expected[input] += gradients[output] * w[weight]);
    double[] got = new double[expected.length];
    Arrays.fill(got, Double.NaN);
    for (int row = 0; row < g.rowStride(); row++) {
      for (int column = 0; column < g.columnStride(); column++) {
        residueClass(forward, format, gradient, transposed(forward, w), row, column, got);
      }
    }
    Compare.exactlySparse("gradient of the input", got, format.round(expected));
  }

  static Stream<Arguments> strided() {
    List<ConvolutionCase> cases =
        List.of(
            ConvolutionCase.of(2, 9, 8, 16, 24, 3, 2, 1, 1, 1),
            ConvolutionCase.of(1, 8, 8, 16, 24, 1, 2, 0, 1, 1),
            ConvolutionCase.of(1, 12, 7, 8, 16, 3, 1, 1, 1, 2),
            ConvolutionCase.of(1, 11, 13, 8, 8, 3, 2, 2, 2, 1),
            ConvolutionCase.of(1, 10, 10, 8, 40, 5, 3, 2, 1, 1),
            ConvolutionCase.of(1, 9, 9, 8, 8, 2, 3, 0, 1, 1));
    return cases.stream().flatMap(c -> Format.STORAGE.stream().map(f -> Arguments.of(c, f)));
  }

  /** (pack, output, tap, channel) to (pack, channel, tap, output). */
  private static double[] transposed(ConvolutionCase c, double[] weights) {
    double[] result = new double[weights.length];
    int channels = c.gather().channels();
    for (int i = 0; i < weights.length; i++) {
      int channel = i % channels;
      int tap = i / channels % c.taps();
      int output = i / channels / c.taps() % c.outputs();
      int pack = i / channels / c.taps() / c.outputs();
      result[((pack * channels + channel) * c.taps() + tap) * c.outputs() + output] = weights[i];
    }
    return result;
  }

  private static void residueClass(
      ConvolutionCase forward,
      Format format,
      HostArray gradient,
      double[] weights,
      int row,
      int column,
      double[] target) {
    Gather g = forward.gather();
    int[] rows = taps(g.tapRows(), g.rowStride(), g.rowOffset(), g.rowStep(), row);
    int[] columns =
        taps(g.tapColumns(), g.columnStride(), g.columnOffset(), g.columnStep(), column);
    boolean none = rows[1] == 0 || columns[1] == 0;
    Gather gather =
        new Gather(
            g.images(),
            Geometries.ceil(g.inputHeight() - row, g.rowStride()),
            Geometries.ceil(g.inputWidth() - column, g.columnStride()),
            g.gridHeight(),
            g.gridWidth(),
            forward.outputPitch(),
            forward.outputs(),
            1,
            1,
            rows[3],
            columns[3],
            rows[4],
            columns[4],
            none ? 0 : rows[1],
            none ? 0 : columns[1]);
    ConvolutionTile tile = ConvolutionTile.T128X32;
    int pixels = g.images() * gather.gridHeight() * gather.gridWidth();
    int columnTiles = Geometries.ceil(g.channels(), tile.columns);
    int perTap = forward.outputs();
    HostArray zeros = HostArray.of(format, new double[forward.inputElements()]);
    Result result =
        KernelHarness.run(
            tile.kernel("conv", format, false),
            new Geometry(
                (long) Geometries.ceil(pixels, tile.rows) * columnTiles,
                forward.packs(),
                1,
                tile.threads(format),
                1,
                tile.sharedBytes(format)),
            Convolution.class,
            memory ->
                new Convolution(
                    memory.input(gradient),
                    memory.input(HostArray.of(format, weights)),
                    memory.inOut("gradient", zeros),
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    NormGradient.NONE,
                    BatchEnd.NONE,
                    AddedNorm.NONE,
                    gather,
                    forward.taps() * perTap,
                    (rows[0] * g.tapColumns() + columns[0]) * perTap,
                    rows[2] * g.tapColumns() * perTap,
                    columns[2] * perTap,
                    g.inputHeight(),
                    g.inputWidth(),
                    g.inputPitch(),
                    g.channels(),
                    g.rowStride(),
                    row,
                    column,
                    1,
                    forward.packs(),
                    1,
                    columnTiles,
                    1,
                    0,
                    0));
    double[] got = result.get("gradient");
    for (int i = 0; i < got.length; i++) {
      int pixel = i / g.inputPitch();
      boolean ours =
          pixel / g.inputWidth() % g.inputHeight() % g.rowStride() == row
              && pixel % g.inputWidth() % g.columnStride() == column;
      if (ours) {
        target[i] = got[i];
      }
    }
  }

  /**
   * The taps r for which (class - offset - r * step) is a multiple of the stride, found one by one:
   * the first, how many, the distance between them, and the row of the output's gradient at the
   * first pixel of the class, and its step from tap to tap.
   */
  private static int[] taps(int kernel, int stride, int offset, int step, int residue) {
    List<Integer> taps = new ArrayList<>();
    for (int r = 0; r < kernel; r++) {
      if (Math.floorMod(residue - offset - r * step, stride) == 0) {
        taps.add(r);
      }
    }
    if (taps.isEmpty()) {
      return new int[5];
    }
    int between = taps.size() > 1 ? taps.get(1) - taps.get(0) : 0;
    return new int[] {
      taps.get(0),
      taps.size(),
      between,
      Math.floorDiv(residue - offset - taps.get(0) * step, stride),
      -between * step / stride
    };
  }
}
