package io.resfuse.engine.cuda.internal.kernels;

import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.KernelHarness.Result;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Max and average pooling against plain loops. */
@ExtendWith(SoftCudaExtension.class)
class PoolingTest {
  record Case(
      Format format,
      int images,
      int height,
      int width,
      int channels,
      int kernel,
      int stride,
      int padding,
      int rowsPerBlock,
      int columnsPerBlock) {
    int outputHeight() {
      return (height + 2 * padding - kernel) / stride + 1;
    }

    int outputWidth() {
      return (width + 2 * padding - kernel) / stride + 1;
    }

    int inputElements() {
      return images * height * width * channels;
    }

    int outputElements() {
      return images * outputHeight() * outputWidth() * channels;
    }

    int inputAt(int n, int y, int x, int c) {
      return ((n * height + y) * width + x) * channels + c;
    }

    int outputAt(int n, int p, int q, int c) {
      return ((n * outputHeight() + p) * outputWidth() + q) * channels + c;
    }
  }

  static Stream<Case> cases() {
    List<Case> cases = new ArrayList<>();
    for (Format format : Format.STORAGE) {
      cases.add(new Case(format, 2, 14, 14, 64, 3, 2, 1, 4, 7));
      cases.add(new Case(format, 1, 9, 11, 24, 3, 2, 1, 100, 4));
      cases.add(new Case(format, 1, 7, 8, 72, 2, 2, 0, 2, 4));
      cases.add(new Case(format, 2, 6, 5, 8, 3, 1, 1, 2, 3));
      cases.add(new Case(format, 1, 8, 13, 16, 5, 3, 2, 1, 2));
      cases.add(new Case(format, 1, 9, 7, 8, 2, 3, 0, 3, 2));
      cases.add(new Case(format, 1, 4, 3, 8, 3, 1, 2, 1, 5));
    }
    return cases.stream();
  }

  private static Result pool(
      Case c, HostArray input, HostArray scale, HostArray bias, boolean relu, boolean index) {
    int vectors = c.channels / c.format.perVector();
    int x = Math.min(8, vectors);
    Geometry geometry =
        new Geometry(
            Geometries.ceil(c.outputHeight(), c.rowsPerBlock),
            (long) Geometries.ceil(c.outputWidth(), c.columnsPerBlock)
                * Geometries.ceil(vectors, x),
            c.images,
            x,
            Math.max(1, c.columnsPerBlock - 1),
            c.kernel * ((c.columnsPerBlock - 1) * c.stride + c.kernel) * x * 16);
    return KernelHarness.run(
        "maxPool_" + c.format.suffix(),
        geometry,
        MaxPool.class,
        memory ->
            new MaxPool(
                memory.input(input),
                memory.input(scale),
                memory.input(bias),
                memory.output("output", c.format, c.outputElements()),
                index ? memory.output("index", Format.U8, c.outputElements()) : 0,
                c.images,
                c.height,
                c.width,
                c.outputHeight(),
                c.outputWidth(),
                c.channels,
                c.kernel,
                c.stride,
                c.padding,
                relu ? 1 : 0,
                c.rowsPerBlock,
                c.columnsPerBlock));
  }

  /** The largest of each window and its tap, as the reference engine looks for it. */
  private static double[][] expected(Case c, double[] in) {
    double[] out = new double[c.outputElements()];
    double[] index = new double[c.outputElements()];
    for (int n = 0; n < c.images; n++) {
      for (int p = 0; p < c.outputHeight(); p++) {
        for (int q = 0; q < c.outputWidth(); q++) {
          for (int k = 0; k < c.channels; k++) {
            int best = -1;
            double largest = 0;
            for (int tap = 0; tap < c.kernel * c.kernel; tap++) {
              int y = p * c.stride - c.padding + tap / c.kernel;
              int x = q * c.stride - c.padding + tap % c.kernel;
              if (y >= 0 && y < c.height && x >= 0 && x < c.width) {
                double value = in[c.inputAt(n, y, x, k)];
                if (best < 0 || value > largest || Double.isNaN(value)) {
                  best = tap;
                  largest = value;
                }
              }
            }
            out[c.outputAt(n, p, q, k)] = largest;
            index[c.outputAt(n, p, q, k)] = best;
          }
        }
      }
    }
    return new double[][] {out, index};
  }

  @ParameterizedTest
  @MethodSource("cases")
  void takesTheFirstOfTheLargest(Case c) {
    HostArray input = HostArray.integers(c.format, c.inputElements(), 4, new SplittableRandom(1));
    double[][] expected = expected(c, input.values());
    Result result = pool(c, input, null, null, false, true);
    Compare.exact(c.toString(), result.get("output"), expected[0]);
    Compare.exactlySparse(c + ", index", result.get("index"), expected[1]);
    Compare.exact(
        c + ", no index", pool(c, input, null, null, false, false).get("output"), expected[0]);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void takesTheLastNaNAndKnowsInfinity(Case c) {
    SplittableRandom random = new SplittableRandom(2);
    HostArray input =
        HostArray.gaussian(c.format, c.inputElements(), 0, 1, random).withSpecials(random);
    double[][] expected = expected(c, input.values());
    Result result = pool(c, input, null, null, false, true);
    Compare.exactlySparse(c.toString(), result.get("output"), expected[0]);
    Compare.exactlySparse(c + ", index", result.get("index"), expected[1]);
    HostArray lowest = HostArray.filled(c.format, c.inputElements(), i -> Double.NEGATIVE_INFINITY);
    Compare.exactlySparse(
        c + ", all -inf",
        pool(c, lowest, null, null, false, true).get("index"),
        expected(c, lowest.values())[1]);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void normalisesWhatItPools(Case c) {
    SplittableRandom random = new SplittableRandom(3);
    HostArray input = HostArray.gaussian(c.format, c.inputElements(), 0, 1, random);
    HostArray scale = HostArray.gaussian(Format.F32, c.channels, 0, 1, random);
    HostArray bias = HostArray.gaussian(Format.F32, c.channels, 0, 1, random);
    for (boolean relu : new boolean[] {true, false}) {
      double[] in = input.values();
      for (int i = 0; i < in.length; i++) {
        int k = i % c.channels;
        float y = Math.fma((float) in[i], (float) scale.values()[k], (float) bias.values()[k]);
        in[i] = c.format.round(relu && y < 0 ? 0 : y);
      }
      double[][] expected = expected(c, in);
      Result result = pool(c, input, scale, bias, relu, true);
      Compare.exactlySparse(c.toString(), result.get("output"), expected[0]);
      Compare.exactlySparse(c + ", index", result.get("index"), expected[1]);
    }
  }

  private static double[] poolBackward(
      Case c, HostArray gradient, HostArray index, HostArray before) {
    int vectors = c.channels / c.format.perVector();
    int x = Math.min(8, vectors);
    int ringRows = Geometries.ceil(c.kernel, c.stride);
    int ringColumns = (c.columnsPerBlock + c.kernel - 2) / c.stride + 2;
    Geometry geometry =
        new Geometry(
            Geometries.ceil(c.height, c.rowsPerBlock),
            (long) Geometries.ceil(c.width, c.columnsPerBlock) * Geometries.ceil(vectors, x),
            c.images,
            x,
            c.columnsPerBlock,
            ringRows * ringColumns * x * (16 + c.format.perVector()));
    return KernelHarness.run(
            "maxPoolBackward_" + c.format.suffix(),
            geometry,
            MaxPoolBackward.class,
            memory ->
                new MaxPoolBackward(
                    memory.input(gradient),
                    memory.input(index),
                    before == null
                        ? memory.output("inputGradient", c.format, c.inputElements())
                        : memory.inOut("inputGradient", before),
                    c.images,
                    c.height,
                    c.width,
                    c.outputHeight(),
                    c.outputWidth(),
                    c.channels,
                    c.kernel,
                    c.stride,
                    c.padding,
                    before == null ? 0 : 1,
                    c.rowsPerBlock,
                    c.columnsPerBlock))
        .get("inputGradient");
  }

  /** In float32, in the order of the windows, rounded once. */
  private static double[] expectedBackward(
      Case c, double[] gradient, double[] index, double[] before) {
    float[] sum = new float[c.inputElements()];
    for (int i = 0; before != null && i < sum.length; i++) {
      sum[i] = (float) before[i];
    }
    for (int n = 0; n < c.images; n++) {
      for (int p = 0; p < c.outputHeight(); p++) {
        for (int q = 0; q < c.outputWidth(); q++) {
          for (int k = 0; k < c.channels; k++) {
            int at = c.outputAt(n, p, q, k);
            int tap = (int) index[at];
            int y = p * c.stride - c.padding + tap / c.kernel;
            int x = q * c.stride - c.padding + tap % c.kernel;
            sum[c.inputAt(n, y, x, k)] += (float) gradient[at];
          }
        }
      }
    }
    double[] rounded = new double[sum.length];
    for (int i = 0; i < sum.length; i++) {
      rounded[i] = c.format.round(sum[i]);
    }
    return rounded;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void sendsGradientsBackToTheLargest(Case c) {
    SplittableRandom random = new SplittableRandom(4);
    HostArray input = HostArray.integers(c.format, c.inputElements(), 4, random);
    HostArray index = HostArray.of(Format.U8, expected(c, input.values())[1]);
    HostArray before = HostArray.gaussian(c.format, c.inputElements(), 0, 1, random);
    for (HostArray gradient :
        List.of(
            HostArray.integers(c.format, c.outputElements(), 9, random),
            HostArray.gaussian(c.format, c.outputElements(), 0, 1, random),
            HostArray.gaussian(c.format, c.outputElements(), 0, 1, random).withSpecials(random))) {
      double[] g = gradient.values();
      Compare.exactlySparse(
          c.toString(),
          poolBackward(c, gradient, index, null),
          expectedBackward(c, g, index.values(), null));
      Compare.exactlySparse(
          c + ", accumulating",
          poolBackward(c, gradient, index, before),
          expectedBackward(c, g, index.values(), before.values()));
    }
  }

  record Squares(Format format, int images, int height, int width, int channels, int size) {
    int outputHeight() {
      return Geometries.ceil(height, size);
    }

    int outputWidth() {
      return Geometries.ceil(width, size);
    }

    int inputElements() {
      return images * height * width * channels;
    }

    int outputElements() {
      return images * outputHeight() * outputWidth() * channels;
    }

    /** The square of an element of the input. */
    int squareOf(int at) {
      int pixel = at / channels;
      int y = pixel / width % height / size;
      int x = pixel % width / size;
      int image = pixel / (width * height);
      return ((image * outputHeight() + y) * outputWidth() + x) * channels + at % channels;
    }

    /** Of each element of the result, the pixels of its square. */
    double[] pixels() {
      double[] pixels = new double[outputElements()];
      for (int i = 0; i < inputElements(); i++) {
        pixels[squareOf(i)]++;
      }
      return pixels;
    }
  }

  static Stream<Squares> squares() {
    List<Squares> cases = new ArrayList<>();
    for (Format format : Format.STORAGE) {
      cases.add(new Squares(format, 2, 6, 8, 64, 2));
      cases.add(new Squares(format, 3, 7, 9, 24, 2));
      cases.add(new Squares(format, 1, 1, 1, 8, 2));
      cases.add(new Squares(format, 2, 5, 17, 264, 2));
      cases.add(new Squares(format, 1, 8, 7, 16, 3));
    }
    return cases.stream();
  }

  private static double[] squares(Squares c, HostArray input, HostArray before, boolean backward) {
    int rowVectors = c.outputWidth() * (c.channels / c.format.perVector());
    int threads = Math.min(64, rowVectors);
    Geometry geometry =
        new Geometry(
            Geometries.ceil(rowVectors, threads), c.outputHeight(), c.images, threads, 1, 0);
    int elements = backward ? c.inputElements() : c.outputElements();
    return KernelHarness.run(
            (backward ? "averageSquaresBackward_" : "averageSquares_") + c.format.suffix(),
            geometry,
            AverageSquares.class,
            memory ->
                new AverageSquares(
                    memory.input(input),
                    before == null
                        ? memory.output("output", c.format, elements)
                        : memory.inOut("output", before),
                    c.images,
                    c.height,
                    c.width,
                    c.channels,
                    c.size,
                    before == null ? 0 : 1))
        .get("output");
  }

  /** In float32, row by row, rounded once; what is not finite shows. */
  @ParameterizedTest
  @MethodSource("squares")
  void averagesSquares(Squares c) {
    SplittableRandom random = new SplittableRandom(7);
    double[] pixels = c.pixels();
    for (HostArray input :
        List.of(
            HostArray.gaussian(c.format, c.inputElements(), 1, 2, random),
            HostArray.gaussian(c.format, c.inputElements(), 0, 1, random).withSpecials(random))) {
      float[] sums = new float[c.outputElements()];
      double[] in = input.values();
      for (int i = 0; i < in.length; i++) {
        sums[c.squareOf(i)] += (float) in[i];
      }
      double[] expected = new double[sums.length];
      for (int i = 0; i < sums.length; i++) {
        expected[i] = c.format.round(sums[i] / (float) pixels[i]);
      }
      Compare.exactlySparse(c.toString(), squares(c, input, null, false), expected);
    }
  }

  @ParameterizedTest
  @MethodSource("squares")
  void spreadsGradientsOverTheirSquares(Squares c) {
    SplittableRandom random = new SplittableRandom(8);
    HostArray gradient =
        HostArray.gaussian(c.format, c.outputElements(), 0, 1, random).withSpecials(random);
    HostArray before = HostArray.gaussian(c.format, c.inputElements(), 0, 1, random);
    double[] g = gradient.values();
    double[] old = before.values();
    double[] pixels = c.pixels();
    double[] expected = new double[old.length];
    double[] accumulated = new double[old.length];
    for (int i = 0; i < old.length; i++) {
      int at = c.squareOf(i);
      float part = (float) g[at] / (float) pixels[at];
      expected[i] = c.format.round(part);
      accumulated[i] = c.format.round((float) old[i] + part);
    }
    Compare.exactlySparse(c.toString(), squares(c, gradient, null, true), expected);
    Compare.exactlySparse(c + ", accumulating", squares(c, gradient, before, true), accumulated);
  }

  record Average(Format format, int images, int pixels, int channels) {}

  static Stream<Average> averages() {
    List<Average> cases = new ArrayList<>();
    for (Format format : Format.STORAGE) {
      cases.add(new Average(format, 3, 49, 512));
      cases.add(new Average(format, 2, 1, 8));
      cases.add(new Average(format, 1, 64, 40));
      cases.add(new Average(format, 2, 7, 264));
    }
    return cases.stream();
  }

  private static double[] average(Average c, HostArray input, HostArray before, boolean backward) {
    int vectors = c.channels / c.format.perVector();
    int x = Math.min(32, vectors);
    Geometry geometry =
        new Geometry(Geometries.ceil(vectors, x), c.images, 1, x, Math.max(1, 256 / x), 0);
    int elements = c.images * c.channels * (backward ? c.pixels : 1);
    return KernelHarness.run(
            (backward ? "averagePoolBackward_" : "averagePool_") + c.format.suffix(),
            geometry,
            AveragePool.class,
            memory ->
                new AveragePool(
                    memory.input(input),
                    before == null
                        ? memory.output("output", c.format, elements)
                        : memory.inOut("output", before),
                    c.images,
                    c.pixels,
                    c.channels,
                    before == null ? 0 : 1))
        .get("output");
  }

  @ParameterizedTest
  @MethodSource("averages")
  void averages(Average c) {
    SplittableRandom random = new SplittableRandom(5);
    int elements = c.images * c.pixels * c.channels;
    for (boolean exact : new boolean[] {true, false}) {
      HostArray input =
          exact
              ? HostArray.integers(c.format, elements, 9, random)
              : HostArray.gaussian(c.format, elements, 1, 2, random);
      double[] sums = new double[c.images * c.channels];
      double[] magnitudes = new double[sums.length];
      double[] in = input.values();
      for (int i = 0; i < in.length; i++) {
        int at = i / (c.pixels * c.channels) * c.channels + i % c.channels;
        sums[at] += in[i];
        magnitudes[at] += Math.abs(in[i]) / c.pixels;
      }
      double[] expected = new double[sums.length];
      for (int i = 0; i < sums.length; i++) {
        expected[i] = exact ? c.format.round((float) sums[i] / c.pixels) : sums[i] / c.pixels;
      }
      double[] got = average(c, input, null, false);
      if (exact) {
        Compare.exact(c.toString(), got, expected);
      } else {
        Compare.sums(c.toString(), c.format, got, expected, c.pixels, i -> magnitudes[i]);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("averages")
  void spreadsGradientsEvenly(Average c) {
    SplittableRandom random = new SplittableRandom(6);
    HostArray gradient =
        HostArray.gaussian(c.format, c.images * c.channels, 0, 1, random).withSpecials(random);
    HostArray before = HostArray.gaussian(c.format, c.images * c.pixels * c.channels, 0, 1, random);
    double[] g = gradient.values();
    double[] old = before.values();
    double[] expected = new double[old.length];
    double[] accumulated = new double[old.length];
    for (int i = 0; i < old.length; i++) {
      int at = i / (c.pixels * c.channels) * c.channels + i % c.channels;
      float part = (float) g[at] / c.pixels;
      expected[i] = c.format.round(part);
      accumulated[i] = c.format.round((float) old[i] + part);
    }
    Compare.exactlySparse(c.toString(), average(c, gradient, null, true), expected);
    Compare.exactlySparse(c + ", accumulating", average(c, gradient, before, true), accumulated);
  }
}
