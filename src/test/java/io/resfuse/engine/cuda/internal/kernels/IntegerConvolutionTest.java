package io.resfuse.engine.cuda.internal.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.KernelHarness.Result;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The convolution of bytes and all that may follow it, against plain loops, bit for bit. */
@ExtendWith(SoftCudaExtension.class)
class IntegerConvolutionTest {
  private static final int MIDDLE = 128;

  /** A convolution, how it is run, and what is fused with it. */
  record Run(
      ConvolutionCase shape,
      ConvolutionTile tile,
      int slices,
      boolean shifted,
      boolean residual,
      boolean relu,
      boolean floats) {
    int columnTiles() {
      return Geometries.ceil(shape.outputs(), tile.columns);
    }

    int tiles() {
      return Geometries.ceil(shape.rows(), tile.rows) * columnTiles();
    }
  }

  /** Every tile, in one piece and in slices, with and without zero point. */
  static Stream<Run> everyKernel() {
    ConvolutionCase shape = ConvolutionCase.of(2, 9, 10, 48, 144, 3, 1, 1, 1, 1);
    List<Run> runs = new ArrayList<>();
    for (ConvolutionTile tile : ConvolutionTile.ALL) {
      for (int slices : new int[] {1, 3}) {
        runs.add(new Run(shape, tile, slices, false, true, true, false));
        runs.add(new Run(shape, tile, slices, true, false, false, false));
      }
    }
    return runs.stream();
  }

  /** Tails of k, rows and columns; strides, dilation, windows, groups. */
  static Stream<Run> shapes() {
    List<ConvolutionCase> cases =
        List.of(
            ConvolutionCase.of(1, 7, 7, 64, 64, 3, 1, 1, 1, 1),
            ConvolutionCase.of(1, 14, 14, 64, 128, 3, 2, 1, 1, 1),
            ConvolutionCase.of(1, 14, 14, 64, 128, 1, 2, 0, 1, 1),
            ConvolutionCase.of(1, 7, 7, 256, 64, 1, 1, 0, 1, 1),
            ConvolutionCase.of(2, 21, 21, 16, 64, 7, 2, 3, 1, 1),
            ConvolutionCase.of(1, 13, 11, 16, 16, 3, 1, 1, 1, 1),
            ConvolutionCase.of(2, 9, 14, 48, 48, 3, 2, 1, 1, 1),
            ConvolutionCase.of(3, 6, 5, 80, 144, 1, 1, 0, 1, 1),
            ConvolutionCase.of(1, 12, 17, 48, 80, 3, 1, 2, 2, 1),
            ConvolutionCase.of(1, 10, 10, 32, 32, 5, 3, 2, 1, 1),
            ConvolutionCase.of(1, 5, 40, 48, 160, 2, 1, 0, 1, 1),
            ConvolutionCase.of(2, 7, 7, 32, 32, 3, 1, 1, 1, 4),
            ConvolutionCase.of(1, 4, 4, 16, 112, 15, 1, 7, 1, 1),
            ConvolutionCase.of(5, 1, 1, 64, 16, 1, 1, 0, 1, 1));
    SplittableRandom random = new SplittableRandom(3);
    List<Run> runs = new ArrayList<>();
    for (ConvolutionCase shape : cases) {
      List<ConvolutionTile> tiles =
          ConvolutionTile.ALL.stream()
              .filter(tile -> tile.columns <= 2 * shape.outputs() || tile.columns == 32)
              .toList();
      for (boolean shifted : new boolean[] {false, true}) {
        runs.add(
            new Run(
                shape,
                tiles.get(random.nextInt(tiles.size())),
                random.nextInt(3) == 0 ? random.nextInt(2, 5) : 1,
                shifted,
                random.nextBoolean(),
                random.nextBoolean(),
                random.nextInt(4) == 0));
      }
    }
    return KernelHarness.affordable(runs);
  }

  private static HostArray bytes(int elements, SplittableRandom random) {
    return HostArray.filled(Format.U8, elements, i -> random.nextInt(256));
  }

  @ParameterizedTest
  @MethodSource({"everyKernel", "shapes"})
  void equalsPlainLoops(Run run) {
    SplittableRandom random = new SplittableRandom(run.toString().hashCode());
    ConvolutionCase shape = run.shape;
    int channels = shape.outputPitch();
    HostArray input = bytes(shape.inputElements(), random);
    // As signed bytes: -127 to 127.
    HostArray weights =
        HostArray.filled(Format.U8, shape.weightElements(), i -> random.nextInt(-127, 128) & 0xff);
    HostArray residual = run.residual ? bytes(shape.outputElements(), random) : null;
    double spread = 40 / (74.0 * 74 * Math.sqrt(shape.terms()));
    HostArray multiplier =
        HostArray.filled(Format.F32, channels, i -> (float) (spread * (0.5 + random.nextDouble())));
    HostArray bias =
        HostArray.filled(Format.F32, channels, i -> (float) (160 * random.nextDouble()));
    float factor = 0.7f;

    int[] sums = new int[shape.outputElements()];
    double[] in = input.values();
    double[] w = weights.values();
    int zeroPoint = run.shifted ? MIDDLE : 0;
    shape.forEachTerm(
        (from, weight, to) -> sums[to] += ((int) in[from] - zeroPoint) * (byte) (int) w[weight]);
    double[] expected = new double[sums.length];
    for (int i = 0; i < sums.length; i++) {
      float y = sums[i] * (float) multiplier.values()[i % channels];
      y += (float) bias.values()[i % channels];
      if (residual != null) {
        y = Math.fma((float) residual.values()[i], factor, y);
      }
      if (run.relu) {
        y = Math.max(0, y);
      }
      expected[i] = run.floats ? y : Math.max(0, Math.min(255, Math.rint(y)));
    }

    Result result = launch(run, input, weights, residual, multiplier, bias, factor);
    assertThat(result.get("output")).isEqualTo(expected);
    long different = Arrays.stream(expected).distinct().count();
    assertThat(different).as("different results").isGreaterThan(20);
    if (run.slices > 1) {
      assertThat(Arrays.stream(result.get("tickets")).sum()).as("tickets").isZero();
    }
  }

  private static Result launch(
      Run run,
      HostArray input,
      HostArray weights,
      HostArray residual,
      HostArray multiplier,
      HostArray bias,
      float factor) {
    ConvolutionCase shape = run.shape;
    int sums = run.tiles() * shape.packs() * run.slices * run.tile.rows * run.tile.columns;
    double[] zeros = new double[run.tiles() * shape.packs()];
    HostArray padding = run.shifted ? HostArray.filled(Format.U8, 16, i -> MIDDLE) : null;
    HostArray corrections = run.shifted ? corrections(shape, weights) : null;
    return KernelHarness.run(
        "conv_u8_" + run.tile.rows + "x" + run.tile.columns,
        new Geometry(
            run.tiles(),
            (long) shape.packs() * run.slices,
            1,
            run.tile.threads(Format.U8),
            1,
            run.tile.sharedBytes(Format.U8)),
        IntegerConvolution.class,
        memory ->
            new IntegerConvolution(
                memory.input(input),
                memory.input(weights),
                memory.output(
                    "output", run.floats ? Format.F32 : Format.U8, shape.outputElements()),
                memory.input(residual),
                memory.input(padding),
                memory.input(corrections),
                memory.input(multiplier),
                memory.input(bias),
                run.slices > 1 ? memory.output("partials", Format.I32, sums) : 0,
                run.slices > 1 ? memory.inOut("tickets", HostArray.of(Format.I32, zeros)) : 0,
                shape.gather(),
                shape.terms(),
                shape.outputPitch(),
                shape.outputs(),
                shape.packs(),
                run.slices,
                run.columnTiles(),
                run.relu ? 1 : 0,
                run.floats ? 1 : 0,
                factor));
  }

  private static HostArray corrections(ConvolutionCase shape, HostArray weights) {
    double[] w = weights.values();
    int each = shape.terms();
    return HostArray.filled(
        Format.I32,
        shape.outputPitch(),
        n -> {
          int sum = 0;
          for (int k = 0; k < each; k++) {
            sum += (byte) (int) w[n * each + k];
          }
          return -MIDDLE * sum;
        });
  }
}
