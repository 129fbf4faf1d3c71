package io.resfuse.engine.cuda.internal.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.KernelHarness.Memory;
import io.resfuse.engine.cuda.internal.kernels.KernelHarness.Result;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What the last block of a convolution derives from the statistics, or from the sums of a gradient,
 * of all blocks, against the formulas in float64 over the output as it is stored.
 */
@ExtendWith(SoftCudaExtension.class)
class BatchEndTest {
  private static final float EPSILON = 1e-3f;
  private static final float MOMENTUM = 0.1f;

  /** One block alone; several; groups of more than are read at once, the last not full; packs. */
  private static final List<ConvolutionCase> SHAPES =
      List.of(
          ConvolutionCase.of(1, 5, 7, 8, 16, 1, 1, 0, 1, 1),
          ConvolutionCase.of(3, 9, 10, 24, 136, 3, 1, 1, 1, 1),
          ConvolutionCase.of(1, 33, 70, 8, 16, 1, 1, 0, 1, 1),
          ConvolutionCase.of(2, 11, 13, 8, 24, 3, 1, 1, 1, 2));

  record Run(
      ConvolutionCase shape,
      Format format,
      ConvolutionTile tile,
      boolean normalised,
      int slices,
      int tilesPerBlock,
      boolean accumulate,
      boolean added) {
    int blocks() {
      return Geometries.ceil(Geometries.ceil(shape.rows(), tile.rows), tilesPerBlock);
    }

    int columnTiles() {
      return Geometries.ceil(shape.outputs(), tile.columns);
    }

    int blocksPerGroup() {
      return (int) Math.ceil(Math.sqrt(blocks()));
    }

    int counters() {
      int groups = Geometries.ceil(blocks(), blocksPerGroup());
      return shape.packs() * columnTiles() * (groups + 1);
    }
  }

  static Stream<Run> statistics() {
    List<Run> runs = new ArrayList<>();
    for (ConvolutionTile tile : ConvolutionTile.ALL) {
      for (Format format : Format.STORAGE) {
        for (ConvolutionCase shape : SHAPES) {
          int number = runs.size();
          boolean normalised = number % 3 == 1;
          int slices = number % 4 == 1 ? 2 : 1;
          int tiles = slices == 1 && number % 2 == 0 ? 2 : 1;
          runs.add(new Run(shape, format, tile, normalised, slices, tiles, false, false));
        }
      }
    }
    return KernelHarness.affordable(runs);
  }

  static Stream<Run> sums() {
    List<Run> runs = new ArrayList<>();
    for (ConvolutionTile tile : ConvolutionTile.ALL) {
      for (Format format : Format.STORAGE) {
        for (ConvolutionCase shape : SHAPES) {
          int number = runs.size();
          int slices = number % 4 == 2 ? 2 : 1;
          int tiles = slices == 1 && number % 2 == 1 ? 2 : 1;
          boolean added = number / 2 % 2 == 0;
          runs.add(new Run(shape, format, tile, false, slices, tiles, number % 3 == 0, added));
        }
      }
    }
    return KernelHarness.affordable(runs);
  }

  private static Result convolve(
      Run run,
      SplittableRandom random,
      Function<Memory, NormGradient> norm,
      Function<Memory, BatchEnd> end,
      Function<Memory, AddedNorm> added) {
    ConvolutionCase shape = run.shape;
    Gather gather = shape.gather();
    int tiles = Geometries.ceil(shape.rows(), run.tile.rows) * run.columnTiles();
    Geometry geometry =
        new Geometry(
            (long) run.blocks() * run.columnTiles(),
            (long) shape.packs() * run.slices,
            1,
            run.tile.threads(run.format),
            1,
            run.tile.sharedBytes(run.format) + (run.normalised ? 8 * gather.channels() : 0));
    int partials = tiles * shape.packs() * run.slices * run.tile.rows * run.tile.columns;
    int channels = shape.packs() * gather.channels();
    HostArray input = HostArray.gaussian(run.format, shape.inputElements(), 0.5, 1, random);
    HostArray weights = HostArray.gaussian(run.format, shape.weightElements(), 0.1, 0.3, random);
    HostArray ones = HostArray.filled(Format.F32, channels, i -> 1);
    HostArray zeros = HostArray.filled(Format.F32, channels, i -> 0);
    HostArray tickets = HostArray.of(Format.I32, new double[tiles * shape.packs()]);
    return KernelHarness.run(
        run.tile.kernel("conv", run.format, run.normalised),
        geometry,
        Convolution.class,
        memory -> {
          NormGradient gradient = norm.apply(memory);
          int statistics = 2 * run.blocks() * shape.outputPitch();
          return new Convolution(
              memory.input(input),
              memory.input(weights),
              memory.output("output", run.format, shape.outputElements()),
              0,
              0,
              0,
              memory.input(run.normalised ? ones : null),
              memory.input(run.normalised ? zeros : null),
              run.slices > 1 ? memory.output("partials", Format.F32, partials) : 0,
              run.slices > 1 ? memory.inOut("tickets", tickets) : 0,
              gradient.equals(NormGradient.NONE)
                  ? memory.output("statistics", Format.F32, statistics)
                  : 0,
              gradient,
              end.apply(memory),
              added.apply(memory),
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
              0,
              0);
        });
  }

  private static long arrivals(Run run, Memory memory) {
    return memory.inOut("arrivals", HostArray.of(Format.I32, new double[run.counters()]));
  }

  private static void near(String name, double got, double expected, double magnitude) {
    assertThat(Math.abs(got - expected))
        .as("%s: %s, not %s", name, got, expected)
        .isLessThanOrEqualTo(4e-6 * (Math.abs(expected) + magnitude));
  }

  @ParameterizedTest
  @MethodSource("statistics")
  void statisticsAreThoseOfTheOutput(Run run) {
    SplittableRandom random = new SplittableRandom(run.toString().hashCode());
    int channels = run.shape.outputPitch();
    HostArray gamma = HostArray.gaussian(Format.F32, channels, 1, 0.3, random);
    HostArray beta = HostArray.gaussian(Format.F32, channels, 0, 1, random);
    HostArray oldMean = HostArray.gaussian(Format.F32, channels, 0, 1, random);
    HostArray oldVariance = HostArray.filled(Format.F32, channels, i -> 1 + random.nextDouble());
    Result result =
        convolve(
            run,
            random,
            memory -> NormGradient.NONE,
            memory ->
                new BatchEnd(
                    arrivals(run, memory),
                    memory.input(gamma),
                    memory.input(beta),
                    memory.output("mean", Format.F32, channels),
                    memory.output("inverse", Format.F32, channels),
                    memory.output("scale", Format.F32, channels),
                    memory.output("bias", Format.F32, channels),
                    memory.inOut("runningMean", oldMean),
                    memory.inOut("runningVariance", oldVariance),
                    0,
                    0,
                    0,
                    0,
                    0,
                    run.blocksPerGroup(),
                    MOMENTUM,
                    EPSILON,
                    0),
            memory -> AddedNorm.NONE);
    assertThat(result.get("arrivals")).containsOnly(0);
    double[] output = result.get("output");
    int rows = run.shape.rows();
    for (int c = 0; c < channels; c++) {
      double mean = 0;
      for (int m = 0; m < rows; m++) {
        mean += output[m * channels + c] / rows;
      }
      double squares = 0;
      for (int m = 0; m < rows; m++) {
        squares += Math.pow(output[m * channels + c] - mean, 2);
      }
      double inverse = 1 / Math.sqrt(squares / rows + EPSILON);
      double scale = gamma.values()[c] * inverse;
      near("mean", result.get("mean")[c], mean, 1);
      near("inverse", result.get("inverse")[c], inverse, 0);
      near("scale", result.get("scale")[c], scale, 0);
      double bias = beta.values()[c] - mean * scale;
      near("bias", result.get("bias")[c], bias, 1 + Math.abs(mean * scale));
      double before = oldMean.values()[c];
      near("running mean", result.get("runningMean")[c], before + MOMENTUM * (mean - before), 1);
      double variance = oldVariance.values()[c];
      variance += MOMENTUM * (squares / (rows - 1) - variance);
      near("running variance", result.get("runningVariance")[c], variance, 0);
    }
  }

  @ParameterizedTest
  @MethodSource("sums")
  void gradientsAreThoseOfTheOutput(Run run) {
    SplittableRandom random = new SplittableRandom(run.toString().hashCode());
    int channels = run.shape.outputPitch();
    OfNorm norm = OfNorm.random(run, 1, random);
    OfNorm added = OfNorm.random(run, -2, random);
    HostArray old = HostArray.gaussian(Format.F32, channels, 0, 1, random);
    Result result =
        convolve(
            run,
            random,
            memory ->
                new NormGradient(
                    memory.input(norm.raw),
                    0,
                    memory.input(norm.mean),
                    memory.input(norm.inverse),
                    0,
                    0,
                    memory.output("sums", Format.F32, 2 * run.blocks() * channels),
                    0),
            memory ->
                new BatchEnd(
                    arrivals(run, memory),
                    memory.input(norm.gamma),
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    memory.inOut("dGamma", old),
                    run.slices > 1 ? 0 : memory.inOut("dBeta", old),
                    memory.output("a", Format.F32, channels),
                    memory.output("b", Format.F32, channels),
                    memory.output("c", Format.F32, channels),
                    run.blocksPerGroup(),
                    0,
                    0,
                    run.accumulate ? 1 : 0),
            memory -> run.added ? added(run, added, old, memory) : AddedNorm.NONE);
    assertThat(result.get("arrivals")).containsOnly(0);
    compareGradients(run, norm, old, result, "");
    if (run.added) {
      compareGradients(run, added, old, result, "added ");
    }
  }

  /** What was normalised, and by what. */
  private record OfNorm(HostArray raw, HostArray mean, HostArray inverse, HostArray gamma) {
    static OfNorm random(Run run, double mean, SplittableRandom random) {
      int channels = run.shape.outputPitch();
      return new OfNorm(
          HostArray.gaussian(run.format, run.shape.outputElements(), mean, 2, random),
          HostArray.gaussian(Format.F32, channels, mean, 0.1, random),
          HostArray.filled(Format.F32, channels, i -> 0.3 + random.nextDouble()),
          HostArray.gaussian(Format.F32, channels, 1, 0.3, random));
    }
  }

  private static AddedNorm added(Run run, OfNorm added, HostArray old, Memory memory) {
    int channels = run.shape.outputPitch();
    return new AddedNorm(
        memory.input(added.raw),
        memory.input(added.mean),
        memory.input(added.inverse),
        memory.output("added sums", Format.F32, 2 * run.blocks() * channels),
        memory.input(added.gamma),
        memory.inOut("added dGamma", old),
        run.slices > 1 ? 0 : memory.inOut("added dBeta", old),
        memory.output("added a", Format.F32, channels),
        memory.output("added b", Format.F32, channels),
        memory.output("added c", Format.F32, channels));
  }

  private static void compareGradients(
      Run run, OfNorm norm, HostArray old, Result result, String prefix) {
    int channels = run.shape.outputPitch();
    double[] g = result.get("output");
    double[] x = norm.raw.values();
    int rows = run.shape.rows();
    for (int c = 0; c < channels; c++) {
      double normalise = norm.inverse.values()[c];
      double dBeta = 0;
      double dGamma = 0;
      double magnitude = 0;
      double magnitudes = 0;
      for (int m = 0; m < rows; m++) {
        int i = m * channels + c;
        double normalised = (x[i] - norm.mean.values()[c]) * normalise;
        dBeta += g[i];
        dGamma += g[i] * normalised;
        magnitude += Math.abs(g[i]);
        magnitudes += Math.abs(g[i] * normalised);
      }
      double before = run.accumulate ? old.values()[c] : 0;
      near("dGamma", result.get(prefix + "dGamma")[c], before + dGamma, magnitudes);
      if (run.slices == 1) {
        near("dBeta", result.get(prefix + "dBeta")[c], before + dBeta, magnitude);
      }
      double a = norm.gamma.values()[c] * normalise;
      near("a", result.get(prefix + "a")[c], a, 0);
      near("b", result.get(prefix + "b")[c], -a * normalise * dGamma / rows, magnitudes / rows);
      near("c", result.get(prefix + "c")[c], -a * dBeta / rows, magnitude / rows);
    }
  }
}
