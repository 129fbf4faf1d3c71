package io.resfuse.engine.cuda.internal.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.KernelHarness.Result;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The gradient of a convolution's weights against plain loops. */
@ExtendWith(SoftCudaExtension.class)
class WeightGradientTest {
  /** A convolution, and how its weights' gradient is computed. */
  record Run(
      ConvolutionCase shape,
      Format format,
      ConvolutionTile tile,
      int slices,
      boolean adds,
      boolean normalised,
      boolean inputRelu,
      boolean accumulate,
      int groupOutputs,
      int groupChannels,
      int validChannels) {
    /** Whether the kernel leaves the slices to be added later. */
    boolean leavesSlices() {
      return slices > 1 && !adds;
    }

    int columnTiles() {
      return Geometries.ceil(shape.terms(), tile.columns);
    }

    int rowTiles() {
      return Geometries.ceil(shape.outputs(), tile.rows);
    }

    /** Whether an element of the gradient is one of a weight. */
    boolean isWeight(int index) {
      int channels = shape.gather().channels();
      int output = index / shape.terms();
      int channel = index % channels;
      int inputChannel = output / shape.outputs() * channels + channel;
      return channel < validChannels && output / groupOutputs == inputChannel / groupChannels;
    }
  }

  private static Run with(ConvolutionCase shape, Format format, SplittableRandom random) {
    int channels = shape.gather().channels();
    boolean viewed = shape.gather().inputPitch() < channels;
    boolean grouped = !viewed && random.nextInt(3) == 0;
    int slices = random.nextBoolean() ? random.nextInt(2, 4) : 1;
    boolean adds = slices > 1 && random.nextInt(3) > 0;
    List<ConvolutionTile> tiles =
        ConvolutionTile.FOR_WEIGHTS.stream()
            .filter(tile -> tile.rows <= 2 * Math.max(64, shape.outputs()))
            .toList();
    return new Run(
        shape,
        format,
        tiles.get(random.nextInt(tiles.size())),
        slices,
        adds,
        !viewed && random.nextBoolean(),
        random.nextBoolean(),
        (slices == 1 || adds) && random.nextBoolean(),
        grouped ? shape.outputs() / 8 : shape.outputs(),
        grouped ? channels / 8 : channels,
        viewed ? channels - 4 : channels - random.nextInt(2) * 3);
  }

  static Stream<Run> layers() {
    return runs(ConvolutionCase.layers(), 3, 1);
  }

  static Stream<Run> ragged() {
    return runs(ConvolutionCase.ragged(), 4, 3);
  }

  private static Stream<Run> runs(List<ConvolutionCase> cases, long seed, int times) {
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

  /**
   * Every tile in every format, with and without prologue, in one piece, in slices that are added
   * and in slices that are left.
   */
  static Stream<Run> everyKernel() {
    ConvolutionCase shape = ConvolutionCase.of(2, 9, 10, 40, 136, 3, 1, 1, 1, 1);
    List<Run> runs = new ArrayList<>();
    for (Format format : Format.STORAGE) {
      for (ConvolutionTile tile : ConvolutionTile.FOR_WEIGHTS) {
        for (boolean normalised : new boolean[] {false, true}) {
          for (int slices : new int[] {-3, 1, 3}) {
            boolean adds = slices > 1;
            boolean accumulate = slices > 0;
            runs.add(
                new Run(
                    shape,
                    format,
                    tile,
                    Math.abs(slices),
                    adds,
                    normalised,
                    true,
                    accumulate,
                    136,
                    40,
                    40));
          }
        }
      }
    }
    return runs.stream();
  }

  private record Given(
      HostArray input,
      HostArray gradient,
      HostArray inputScale,
      HostArray inputBias,
      HostArray before) {}

  private static double[] launch(Run run, Given given) {
    ConvolutionCase shape = run.shape;
    int elements = shape.weightElements();
    int tiles = run.rowTiles() * run.columnTiles();
    int partials = tiles * shape.packs() * run.slices * run.tile.rows * run.tile.columns;
    HostArray tickets = HostArray.of(Format.I32, new double[tiles * shape.packs()]);
    Result result =
        KernelHarness.run(
            run.tile.kernel("wgrad", run.format, run.normalised),
            new Geometry(
                tiles,
                (long) shape.packs() * run.slices,
                1,
                run.tile.threads(run.format),
                1,
                run.tile.sharedBytes(run.format)),
            WeightGradient.class,
            memory ->
                new WeightGradient(
                    memory.input(given.input),
                    memory.input(given.gradient),
                    memory.input(given.inputScale),
                    memory.input(given.inputBias),
                    run.leavesSlices()
                        ? 0
                        : run.accumulate
                            ? memory.inOut("weights", given.before)
                            : memory.output("weights", Format.F32, elements),
                    run.leavesSlices()
                        ? memory.output("weights", Format.F32, elements * run.slices)
                        : run.adds ? memory.output("partials", Format.F32, partials) : 0,
                    run.adds ? memory.inOut("tickets", tickets) : 0,
                    shape.gather(),
                    shape.terms(),
                    shape.outputPitch(),
                    shape.outputs(),
                    shape.packs(),
                    run.slices,
                    run.columnTiles(),
                    run.inputRelu ? 1 : 0,
                    run.accumulate ? 1 : 0,
                    run.groupOutputs,
                    run.groupChannels,
                    run.validChannels));
    if (run.adds) {
      assertThat(result.get("tickets")).containsOnly(0);
    }
    double[] slices = result.get("weights");
    double[] sum = new double[elements];
    for (int i = 0; i < slices.length; i++) {
      sum[i % elements] += slices[i];
    }
    return sum;
  }

  private static double[][] expected(Run run, Given given) {
    double[] in =
        ConvolutionTest.normalised(
            given.input.values(), given.inputScale, given.inputBias, run.inputRelu, run.format);
    double[] gradient = given.gradient.values();
    double[] sums = new double[run.shape.weightElements()];
    double[] magnitudes = new double[sums.length];
    run.shape.forEachTerm(
        (input, weight, output) -> {
          double product = in[input] * gradient[output];
          sums[weight] += product;
          magnitudes[weight] += Math.abs(product);
        });
    double[] before = run.accumulate ? given.before.values() : null;
    for (int i = 0; i < sums.length; i++) {
      if (!run.isWeight(i)) {
        sums[i] = 0;
        magnitudes[i] = 0;
      } else if (before != null) {
        sums[i] += before[i];
        magnitudes[i] += Math.abs(before[i]);
      }
    }
    return new double[][] {sums, magnitudes};
  }

  @ParameterizedTest
  @MethodSource({"everyKernel", "layers", "ragged"})
  void smallIntegersAreExact(Run run) {
    SplittableRandom random = new SplittableRandom(run.toString().hashCode());
    int channels = run.shape.packs() * run.shape.gather().channels();
    Given given =
        new Given(
            HostArray.integers(run.format, run.shape.inputElements(), 2, random),
            HostArray.integers(run.format, run.shape.outputElements(), 2, random),
            run.normalised
                ? HostArray.filled(Format.F32, channels, i -> 1 + random.nextInt(2))
                : null,
            run.normalised ? HostArray.integers(Format.F32, channels, 1, random) : null,
            HostArray.integers(Format.F32, run.shape.weightElements(), 9, random));
    Compare.exactlySparse("gradient", launch(run, given), expected(run, given)[0]);
  }

  @ParameterizedTest
  @MethodSource({"everyKernel", "layers", "ragged"})
  void randomNumbersAreWithinRounding(Run run) {
    SplittableRandom random = new SplittableRandom(run.toString().hashCode() + 1);
    int channels = run.shape.packs() * run.shape.gather().channels();
    Given given =
        new Given(
            HostArray.gaussian(run.format, run.shape.inputElements(), 0, 1, random),
            HostArray.gaussian(run.format, run.shape.outputElements(), 0, 1, random),
            run.normalised ? HostArray.gaussian(Format.F32, channels, 1, 0.3, random) : null,
            run.normalised ? HostArray.gaussian(Format.F32, channels, 0, 0.5, random) : null,
            HostArray.gaussian(Format.F32, run.shape.weightElements(), 0, 1, random));
    double[][] expected = expected(run, given);
    double[] got = launch(run, given);
    // A tap that no pixel of a small image reaches has a gradient of zero.
    int[] weights =
        IntStream.range(0, got.length)
            .filter(i -> run.isWeight(i) && expected[1][i] != 0)
            .toArray();
    assertThat(weights.length).as("gradients that are not zero").isPositive();
    Compare.sums(
        "gradient",
        Format.F32,
        IntStream.of(weights).mapToDouble(i -> got[i]).toArray(),
        IntStream.of(weights).mapToDouble(i -> expected[0][i]).toArray(),
        run.shape.rows() + 4,
        i -> expected[1][weights[i]]);
    for (int i = 0; i < got.length; i++) {
      if (expected[1][i] == 0) {
        assertThat(got[i]).as("gradient[%d]", i).isZero();
      }
    }
  }
}
