package io.resfuse.engine.cuda.internal.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.KernelHarness.Counters;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What convolutions move and issue, by softcuda's counters.
 *
 * <p>How bytes are counted: a block must at least read each pixel that its windows touch once, its
 * rows of weights once, the residual once, and write its outputs once ("ideal cache terms": its
 * other reads of the same pixels are hits). Moved are the sectors of 32 bytes that it touches.
 */
@ExtendWith(SoftCudaExtension.class)
class ConvolutionTrafficTest {
  private static HostArray zeros(Format format, int elements) {
    return HostArray.of(format, new double[elements]);
  }

  /** What is fused with a forward convolution. */
  private enum Fused {
    NOTHING,
    EPILOGUE,
    STATISTICS,
    PROLOGUE_AND_EPILOGUE,
    PROLOGUE_AND_STATISTICS;

    boolean prologue() {
      return this == PROLOGUE_AND_EPILOGUE || this == PROLOGUE_AND_STATISTICS;
    }

    boolean epilogue() {
      return this == EPILOGUE || this == PROLOGUE_AND_EPILOGUE;
    }

    boolean statistics() {
      return this == STATISTICS || this == PROLOGUE_AND_STATISTICS;
    }
  }

  /** A stem reads an image, which nothing normalises. */
  private static boolean isViewed(ConvolutionCase c) {
    return c.gather().inputPitch() < c.gather().channels();
  }

  private static Counters forward(
      ConvolutionCase c, Format format, ConvolutionTile tile, Fused fused) {
    int columnTiles = Geometries.ceil(c.outputs(), tile.columns);
    int rowTiles = Geometries.ceil(c.rows(), tile.rows);
    int coefficients = c.packs() * c.gather().channels();
    Geometry geometry =
        new Geometry(
            (long) rowTiles * columnTiles,
            c.packs(),
            1,
            tile.threads(format),
            1,
            tile.sharedBytes(format) + (fused.prologue() ? 8 * c.gather().channels() : 0));
    Gather g = c.gather();
    return KernelHarness.count(
            tile.kernel("conv", format, fused.prologue()),
            geometry,
            Convolution.class,
            memory ->
                new Convolution(
                    memory.input(zeros(format, c.inputElements())),
                    memory.input(zeros(format, c.weightElements())),
                    memory.output("output", format, c.outputElements()),
                    fused.epilogue() ? memory.input(zeros(format, c.outputElements())) : 0,
                    fused.epilogue() ? memory.input(zeros(Format.F32, c.outputPitch())) : 0,
                    fused.epilogue() ? memory.input(zeros(Format.F32, c.outputPitch())) : 0,
                    fused.prologue() ? memory.input(zeros(Format.F32, coefficients)) : 0,
                    fused.prologue() ? memory.input(zeros(Format.F32, coefficients)) : 0,
                    0,
                    0,
                    fused.statistics()
                        ? memory.output("statistics", Format.F32, 2 * rowTiles * c.outputPitch())
                        : 0,
                    NormGradient.NONE,
                    BatchEnd.NONE,
                    AddedNorm.NONE,
                    g,
                    c.terms(),
                    0,
                    g.tapColumns() * g.channels(),
                    g.channels(),
                    g.gridHeight(),
                    g.gridWidth(),
                    c.outputPitch(),
                    c.outputs(),
                    1,
                    0,
                    0,
                    1,
                    c.packs(),
                    1,
                    columnTiles,
                    1,
                    1,
                    1))
        .counters();
  }

  private static Counters weightGradient(
      ConvolutionCase c, Format format, ConvolutionTile tile, boolean normalised) {
    int coefficients = c.packs() * c.gather().channels();
    int columnTiles = Geometries.ceil(c.terms(), tile.columns);
    return KernelHarness.count(
            tile.kernel("wgrad", format, normalised),
            new Geometry(
                (long) Geometries.ceil(c.outputs(), tile.rows) * columnTiles,
                c.packs(),
                1,
                tile.threads(format),
                1,
                tile.sharedBytes(format)),
            WeightGradient.class,
            memory ->
                new WeightGradient(
                    memory.input(zeros(format, c.inputElements())),
                    memory.input(zeros(format, c.outputElements())),
                    normalised ? memory.input(zeros(Format.F32, coefficients)) : 0,
                    normalised ? memory.input(zeros(Format.F32, coefficients)) : 0,
                    memory.output("weights", Format.F32, c.weightElements()),
                    0,
                    0,
                    c.gather(),
                    c.terms(),
                    c.outputPitch(),
                    c.outputs(),
                    c.packs(),
                    1,
                    columnTiles,
                    0,
                    0,
                    c.outputs(),
                    c.gather().channels(),
                    c.gather().channels()))
        .counters();
  }

  static Stream<Arguments> forward() {
    return onEach(ConvolutionTile.ALL);
  }

  static Stream<Arguments> gradientOfWeights() {
    return onEach(ConvolutionTile.FOR_WEIGHTS);
  }

  private static Stream<Arguments> onEach(List<ConvolutionTile> tiles) {
    List<ConvolutionCase> cases =
        List.of(
            ConvolutionCase.of(1, 28, 28, 64, 64, 3, 1, 1, 1, 1),
            ConvolutionCase.of(1, 14, 14, 256, 128, 1, 1, 0, 1, 1),
            ConvolutionCase.of(1, 28, 28, 128, 128, 3, 2, 1, 1, 1),
            ConvolutionCase.of(2, 8, 8, 16, 16, 3, 1, 1, 1, 1),
            ConvolutionCase.stem(1, 56, 64, 7, 2, 4));
    List<Arguments> arguments = new ArrayList<>();
    for (ConvolutionCase c : cases) {
      for (Format format : Format.STORAGE) {
        for (ConvolutionTile tile : tiles) {
          arguments.add(Arguments.of(c, format, tile));
        }
      }
    }
    return arguments.stream();
  }

  /**
   * The bytes that all blocks together must at least read, the epilogue's coefficients included.
   */
  private static long fewestLoaded(ConvolutionCase c, Format format, ConvolutionTile tile) {
    Gather g = c.gather();
    long elements = 0;
    int columnTiles = Geometries.ceil(c.outputs(), tile.columns);
    for (int from = 0; from < c.rows(); from += tile.rows) {
      Set<Integer> read = new HashSet<>();
      for (int row = from; row < Math.min(c.rows(), from + tile.rows); row++) {
        for (int tap = 0; tap < c.taps(); tap++) {
          int at = c.inputAt(row, tap);
          // Pixels of a stem overlap: count elements, four at a time.
          for (int channel = 0; at >= 0 && channel < g.channels(); channel += 4) {
            read.add(at + channel);
          }
        }
      }
      elements += 4L * read.size() * columnTiles;
    }
    long rowTiles = Geometries.ceil(c.rows(), tile.rows);
    elements += rowTiles * c.weightElements();
    elements += c.outputElements();
    return elements * format.bytes() + rowTiles * c.outputPitch() * 2L * 4;
  }

  @ParameterizedTest
  @MethodSource("forward")
  void inferenceMovesTheFewestBytes(ConvolutionCase c, Format format, ConvolutionTile tile) {
    Counters counters = forward(c, format, tile, Fused.EPILOGUE);
    long stored = (long) c.outputElements() * format.bytes();
    long fewest = fewestLoaded(c, format, tile) + stored;
    long moved = 32 * (counters.get("blockLoadSectors") + counters.get("blockStoreSectors"));
    assertThat((double) moved / fewest).as("bytes moved / fewest").isBetween(0.999, 1.05);
    assertThat(counters.get("globalStoreBytes")).as("bytes written").isEqualTo(stored);
    assertThat(counters.get("localSectors")).as("spills").isZero();
    assertThat(counters.conflicts()).as("wavefronts / conflict-free").isLessThanOrEqualTo(1.02);
  }

  @ParameterizedTest
  @MethodSource("forward")
  void forwardKernelsAreFreeOfConflicts(ConvolutionCase c, Format format, ConvolutionTile tile) {
    for (Fused fused : Fused.values()) {
      if (fused.prologue() && isViewed(c)) {
        continue;
      }
      Counters counters = forward(c, format, tile, fused);
      assertThat(counters.conflicts())
          .as("wavefronts / conflict-free, %s", fused)
          .isLessThanOrEqualTo(1.02);
      assertThat(counters.get("localSectors")).as("spills").isZero();
    }
  }

  @ParameterizedTest
  @MethodSource("gradientOfWeights")
  void gradientsOfWeightsAreFreeOfConflicts(
      ConvolutionCase c, Format format, ConvolutionTile tile) {
    for (boolean normalised : new boolean[] {false, true}) {
      if (normalised && isViewed(c)) {
        continue;
      }
      Counters counters = weightGradient(c, format, tile, normalised);
      assertThat(counters.conflicts())
          .as("wavefronts / conflict-free, normalised %s", normalised)
          .isLessThanOrEqualTo(1.02);
      assertThat(counters.get("localSectors")).as("spills").isZero();
      long moved = 32 * (counters.get("blockLoadSectors") + counters.get("blockStoreSectors"));
      long touched = counters.get("blockLoadBytes") + counters.get("blockStoreBytes");
      assertThat((double) moved / touched).as("sectors / bytes").isLessThanOrEqualTo(1.05);
    }
  }

  /** What twice as long a sum issues more is what the main loop issues. */
  private static double tensorShare(Counters once, Counters twice) {
    long tensor =
        twice.json().get("warpInstructionsByClass").get("tensor").asLong()
            - once.json().get("warpInstructionsByClass").get("tensor").asLong();
    return (double) tensor / (twice.get("warpInstructions") - once.get("warpInstructions"));
  }

  private static double forwardShare(Format format, Fused fused) {
    ConvolutionTile tile = ConvolutionTile.T128X128;
    return tensorShare(
        forward(ConvolutionCase.of(1, 12, 12, 256, 128, 3, 1, 1, 1, 1), format, tile, fused),
        forward(ConvolutionCase.of(1, 12, 12, 512, 128, 3, 1, 1, 1, 1), format, tile, fused));
  }

  private static double gradientShare(Format format, int kernel, boolean normalised) {
    ConvolutionTile tile = ConvolutionTile.T128X128;
    int padding = kernel / 2;
    return tensorShare(
        weightGradient(
            ConvolutionCase.of(2, 16, 16, 128, 128, kernel, 1, padding, 1, 1),
            format,
            tile,
            normalised),
        weightGradient(
            ConvolutionCase.of(4, 16, 16, 128, 128, kernel, 1, padding, 1, 1),
            format,
            tile,
            normalised));
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16", "TF32"})
  void mainLoopsOfLargeTilesAreMostlyTensorCoreWork(Format format) {
    double forward = forwardShare(format, Fused.NOTHING);
    double pointwise = gradientShare(format, 1, false);
    double windows = gradientShare(format, 3, false);
    System.out.printf(
        "tensor-core share of the main loop, %s: forward %.3f, gradient of 1x1 weights %.3f, of 3x3"
            + " weights %.3f%n",
        format, forward, pointwise, windows);
    assertThat(forward).isGreaterThanOrEqualTo(0.53);
    assertThat(pointwise).isGreaterThanOrEqualTo(0.57);
    assertThat(windows).isGreaterThanOrEqualTo(0.5);
  }

  /** Every element that is copied is converted, multiplied, rounded and rectified: below half. */
  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16", "TF32"})
  void prologuesTakeNoMoreThanTheyDid(Format format) {
    double forward = forwardShare(format, Fused.PROLOGUE_AND_STATISTICS);
    double windows = gradientShare(format, 3, true);
    System.out.printf(
        "tensor-core share of the main loop with a prologue, %s: forward %.3f, gradient of 3x3"
            + " weights %.3f%n",
        format, forward, windows);
    assertThat(forward).isGreaterThanOrEqualTo(0.28);
    assertThat(windows).isGreaterThanOrEqualTo(0.21);
  }
}
