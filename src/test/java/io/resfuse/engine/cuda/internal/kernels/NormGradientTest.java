package io.resfuse.engine.cuda.internal.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.KernelHarness.Memory;
import io.resfuse.engine.cuda.internal.kernels.KernelHarness.Result;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Convolutions whose results are gradients of what batch norms gave: masked as separate passes
 * would, bit for bit, and summed, for one norm or for two whose results were added.
 */
@ExtendWith(SoftCudaExtension.class)
class NormGradientTest {
  private static final int NONE = 0;
  private static final int INPUT = 2;
  private static final int BITS = 3;

  record Run(
      ConvolutionCase shape,
      Format format,
      ConvolutionTile tile,
      int slices,
      int tilesPerBlock,
      int mask,
      boolean residual,
      int residualStride,
      boolean added) {
    int blocks() {
      return Geometries.ceil(Geometries.ceil(shape.rows(), tile.rows), tilesPerBlock);
    }

    int columnTiles() {
      return Geometries.ceil(shape.outputs(), tile.columns);
    }

    /** Elements of the residual: of every so-manieth row and column. */
    int residualElements() {
      Gather g = shape.gather();
      return g.images()
          * Geometries.ceil(g.gridHeight(), residualStride)
          * Geometries.ceil(g.gridWidth(), residualStride)
          * shape.outputPitch();
    }
  }

  static Stream<Run> everyKernel() {
    ConvolutionCase shape = ConvolutionCase.of(3, 9, 10, 24, 136, 3, 1, 1, 1, 1);
    List<Run> runs = new ArrayList<>();
    for (Format format : Format.STORAGE) {
      for (ConvolutionTile tile : ConvolutionTile.ALL) {
        for (int mask : new int[] {NONE, INPUT, BITS}) {
          int stride = mask == INPUT ? 2 : 1;
          runs.add(new Run(shape, format, tile, 1, 2, mask, mask != INPUT, 1, mask != NONE));
          runs.add(new Run(shape, format, tile, 1, 1, mask, mask == INPUT, stride, mask == NONE));
        }
        runs.add(new Run(shape, format, tile, 3, 1, BITS, true, 3, true));
      }
    }
    return KernelHarness.affordable(runs);
  }

  static Stream<Run> ragged() {
    SplittableRandom random = new SplittableRandom(3);
    List<Run> runs = new ArrayList<>();
    for (ConvolutionCase shape : ConvolutionCase.ragged()) {
      for (Format format : Format.STORAGE) {
        ConvolutionTile tile = ConvolutionTile.ALL.get(random.nextInt(4));
        int mask = random.nextBoolean() ? INPUT : BITS;
        int tiles = random.nextInt(1, 4);
        boolean residual = random.nextBoolean();
        int stride = random.nextInt(1, 4);
        boolean added = random.nextBoolean();
        runs.add(new Run(shape, format, tile, 1, tiles, mask, residual, stride, added));
      }
    }
    return KernelHarness.affordable(runs);
  }

  private record Arrays(
      HostArray input,
      HostArray weights,
      HostArray residual,
      HostArray raw,
      HostArray mean,
      HostArray inverse,
      HostArray scale,
      HostArray bias,
      HostArray addedRaw,
      HostArray addedMean,
      HostArray addedInverse) {
    static Arrays integers(Run run) {
      SplittableRandom random = new SplittableRandom(run.toString().hashCode());
      ConvolutionCase shape = run.shape;
      int channels = shape.outputPitch();
      return new Arrays(
          HostArray.integers(run.format, shape.inputElements(), 1, random),
          HostArray.integers(run.format, shape.weightElements(), 1, random),
          run.residual ? HostArray.integers(run.format, run.residualElements(), 5, random) : null,
          HostArray.integers(run.format, shape.outputElements(), 6, random),
          HostArray.integers(Format.F32, channels, 3, random),
          HostArray.filled(Format.F32, channels, i -> Math.scalb(1.0, random.nextInt(-2, 3))),
          HostArray.integers(Format.F32, channels, 2, random),
          HostArray.integers(Format.F32, channels, 3, random),
          HostArray.integers(run.format, shape.outputElements(), 5, random),
          HostArray.integers(Format.F32, channels, 2, random),
          HostArray.filled(Format.F32, channels, i -> Math.scalb(1.0, random.nextInt(-1, 2))));
    }

    static Arrays random(Run run) {
      SplittableRandom random = new SplittableRandom(run.toString().hashCode() + 1);
      ConvolutionCase shape = run.shape;
      int channels = shape.outputPitch();
      return new Arrays(
          HostArray.gaussian(run.format, shape.inputElements(), 0, 1, random),
          HostArray.gaussian(run.format, shape.weightElements(), 0, 0.2, random),
          run.residual
              ? HostArray.gaussian(run.format, run.residualElements(), 0.1, 1, random)
              : null,
          HostArray.gaussian(run.format, shape.outputElements(), 1, 2, random),
          HostArray.gaussian(Format.F32, channels, 1, 0.1, random),
          HostArray.filled(Format.F32, channels, i -> 0.3 + random.nextDouble()),
          HostArray.gaussian(Format.F32, channels, 0.5, 1, random),
          HostArray.gaussian(Format.F32, channels, 0, 1, random),
          HostArray.gaussian(run.format, shape.outputElements(), -1, 3, random),
          HostArray.gaussian(Format.F32, channels, -1, 0.1, random),
          HostArray.filled(Format.F32, channels, i -> 0.2 + random.nextDouble()));
    }

    /** What passes the ReLU: what is positive of the raw result normalised and rounded. */
    boolean[] passes(Run run) {
      double[] x = raw.values();
      double[] s = scale.values();
      double[] b = bias.values();
      boolean[] passes = new boolean[x.length];
      for (int i = 0; i < x.length; i++) {
        int k = i % s.length;
        float y = Math.fma((float) x[i], (float) s[k], (float) b[k]);
        passes[i] = run.mask == NONE || run.format.round(y) > 0;
      }
      return passes;
    }

    /** The residual as a whole tensor: zeros where it has no pixel. */
    HostArray wholeResidual(Run run) {
      if (!run.residual || run.residualStride == 1) {
        return residual;
      }
      Gather g = run.shape.gather();
      int channels = run.shape.outputPitch();
      int stride = run.residualStride;
      int width = Geometries.ceil(g.gridWidth(), stride);
      int height = Geometries.ceil(g.gridHeight(), stride);
      double[] sparse = residual.values();
      return HostArray.filled(
          run.format,
          run.shape.outputElements(),
          i -> {
            int pixel = i / channels;
            int x = pixel % g.gridWidth();
            int y = pixel / g.gridWidth() % g.gridHeight();
            int image = pixel / g.gridWidth() / g.gridHeight();
            int from = (image * height + y / stride) * width + x / stride;
            return x % stride == 0 && y % stride == 0 ? sparse[from * channels + i % channels] : 0;
          });
    }

    HostArray bits(Run run) {
      boolean[] passes = passes(run);
      HostArray output = HostArray.filled(run.format, passes.length, i -> passes[i] ? 1 : 0);
      return BatchNormBackwardTest.bits(output);
    }
  }

  /** With the norm's epilogue, or without: the sum with the whole residual as it is stored. */
  private static Result convolve(Run run, Arrays a, boolean norm) {
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
            run.tile.sharedBytes(run.format));
    int partials = tiles * shape.packs() * run.slices * run.tile.rows * run.tile.columns;
    double[] zeros = new double[tiles * shape.packs()];
    return KernelHarness.run(
        run.tile.kernel("conv", run.format, false),
        geometry,
        Convolution.class,
        memory ->
            new Convolution(
                memory.input(a.input),
                memory.input(a.weights),
                memory.output("output", run.format, shape.outputElements()),
                memory.input(norm ? a.residual : a.wholeResidual(run)),
                0,
                0,
                0,
                0,
                run.slices > 1 ? memory.output("partials", Format.F32, partials) : 0,
                run.slices > 1 ? memory.inOut("tickets", HostArray.of(Format.I32, zeros)) : 0,
                0,
                norm ? normGradient(run, a, memory) : NormGradient.NONE,
                BatchEnd.NONE,
                norm && run.added ? addedNorm(run, a, memory) : AddedNorm.NONE,
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
                norm ? run.residualStride : 1,
                shape.packs(),
                run.slices,
                run.columnTiles(),
                run.tilesPerBlock,
                0,
                0));
  }

  private static NormGradient normGradient(Run run, Arrays a, Memory memory) {
    return new NormGradient(
        memory.input(a.raw),
        memory.input(run.mask == BITS ? a.bits(run) : null),
        memory.input(a.mean),
        memory.input(a.inverse),
        memory.input(run.mask == INPUT ? a.scale : null),
        memory.input(run.mask == INPUT ? a.bias : null),
        memory.output("sums", Format.F32, 2 * run.blocks() * run.shape.outputPitch()),
        run.mask);
  }

  private static AddedNorm addedNorm(Run run, Arrays a, Memory memory) {
    int sums = 2 * run.blocks() * run.shape.outputPitch();
    return new AddedNorm(
        memory.input(a.addedRaw),
        memory.input(a.addedMean),
        memory.input(a.addedInverse),
        memory.output("added sums", Format.F32, sums),
        0,
        0,
        0,
        0,
        0,
        0);
  }

  private static double[] masked(Run run, Arrays a) {
    double[] g = convolve(run, a, false).get("output");
    boolean[] passes = a.passes(run);
    for (int i = 0; i < g.length; i++) {
      g[i] = passes[i] ? g[i] : 0;
    }
    return g;
  }

  /** Sums of a masked gradient per block, or those of absolute values. */
  private static double[] sums(Run run, Arrays a, double[] g, boolean absolute) {
    return sums(run, g, a.raw.values(), a.mean.values(), a.inverse.values(), absolute);
  }

  private static double[] addedSums(Run run, Arrays a, double[] g, boolean absolute) {
    double[] inverse = a.addedInverse.values();
    return sums(run, g, a.addedRaw.values(), a.addedMean.values(), inverse, absolute);
  }

  private static double[] sums(
      Run run, double[] g, double[] x, double[] mean, double[] inverse, boolean absolute) {
    int channels = run.shape.outputPitch();
    double[] sums = new double[2 * run.blocks() * channels];
    for (int i = 0; i < g.length; i++) {
      int k = i % channels;
      int block = i / channels / (run.tile.rows * run.tilesPerBlock);
      double normalised = g[i] * (x[i] - mean[k]) * inverse[k];
      sums[2 * block * channels + k] += absolute ? Math.abs(g[i]) : g[i];
      sums[(2 * block + 1) * channels + k] += absolute ? Math.abs(normalised) : normalised;
    }
    return sums;
  }

  @ParameterizedTest
  @MethodSource({"everyKernel", "ragged"})
  void smallIntegersAreExact(Run run) {
    Arrays a = Arrays.integers(run);
    Result result = convolve(run, a, true);
    double[] g = masked(run, a);
    Compare.exactlySparse("gradient", result.get("output"), g);
    Compare.exactlySparse("sums", result.get("sums"), sums(run, a, g, false));
    if (run.added) {
      Compare.exactlySparse("added", result.get("added sums"), addedSums(run, a, g, false));
    }
    if (run.slices > 1) {
      assertThat(result.get("tickets")).containsOnly(0);
    }
  }

  @ParameterizedTest
  @MethodSource({"everyKernel", "ragged"})
  void gradientsHaveTheBitsOfSeparatePassesAndSumsAreThoseOfFloat64(Run run) {
    Arrays a = Arrays.random(run);
    Result result = convolve(run, a, true);
    double[] g = masked(run, a);
    Compare.exactlySparse("gradient", result.get("output"), g);
    compareSums(run, result.get("sums"), sums(run, a, g, false), sums(run, a, g, true));
    if (run.added) {
      double[] magnitudes = addedSums(run, a, g, true);
      compareSums(run, result.get("added sums"), addedSums(run, a, g, false), magnitudes);
    }
  }

  private static void compareSums(Run run, double[] got, double[] expected, double[] magnitudes) {
    double rows = run.tile.rows * run.tilesPerBlock + 2;
    for (int i = 0; i < got.length; i++) {
      double tolerance = 4 * Compare.UNIT * Math.sqrt(rows) * magnitudes[i];
      assertThat(Math.abs(got[i] - expected[i])).as("sum %d", i).isLessThanOrEqualTo(tolerance);
    }
  }

  @ParameterizedTest
  @MethodSource("everyKernel")
  void masksKeepWhatIsNotFiniteOut(Run run) {
    if (run.mask == NONE || !run.residual || run.residualStride > 1) {
      return;
    }
    Arrays a = Arrays.random(run);
    boolean[] passes = a.passes(run);
    double[] residual = a.residual.values();
    for (int i = 0; i < residual.length; i++) {
      if (!passes[i]) {
        residual[i] = i % 2 == 0 ? Double.NaN : Double.POSITIVE_INFINITY;
      }
    }
    Arrays special =
        new Arrays(
            a.input,
            a.weights,
            HostArray.of(run.format, residual),
            a.raw,
            a.mean,
            a.inverse,
            a.scale,
            a.bias,
            a.addedRaw,
            a.addedMean,
            a.addedInverse);
    Result result = convolve(run, special, true);
    assertThat(result.get("sums")).isEqualTo(convolve(run, a, true).get("sums"));
    assertThat(result.get("output")).isEqualTo(convolve(run, a, true).get("output"));
  }
}
