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
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Resizes, copies of channels and losses of pixels against plain loops in float64. */
@ExtendWith(SoftCudaExtension.class)
class MapKernelsTest {
  record Resize(
      Format format, int images, int height, int width, int rows, int columns, int channels) {
    int inputElements() {
      return images * height * width * channels;
    }

    int outputElements() {
      return images * rows * columns * channels;
    }

    /** Calls for each pixel of the output with what it has of each pixel of the input. */
    void visit(Share visitor) {
      for (int y = 0; y < rows; y++) {
        double row = Math.max(0, (y + 0.5) * height / rows - 0.5);
        for (int x = 0; x < columns; x++) {
          double column = Math.max(0, (x + 0.5) * width / columns - 0.5);
          for (int i = 0; i < 2; i++) {
            for (int j = 0; j < 2; j++) {
              int above = Math.min((int) row + i, height - 1);
              int left = Math.min((int) column + j, width - 1);
              double weight =
                  (i == 0 ? 1 - (row - (int) row) : row - (int) row)
                      * (j == 0 ? 1 - (column - (int) column) : column - (int) column);
              visitor.of(y * columns + x, above * width + left, weight);
            }
          }
        }
      }
    }
  }

  private interface Share {
    void of(int output, int input, double weight);
  }

  static Stream<Resize> resizes() {
    List<Resize> cases = new ArrayList<>();
    for (Format format : Format.STORAGE) {
      cases.add(new Resize(format, 2, 3, 4, 24, 32, 24));
      cases.add(new Resize(format, 2, 5, 7, 9, 13, 8));
      cases.add(new Resize(format, 1, 4, 3, 8, 2, 72));
      cases.add(new Resize(format, 1, 13, 9, 5, 4, 16));
      cases.add(new Resize(format, 3, 1, 1, 7, 40, 16));
      cases.add(new Resize(format, 2, 1, 6, 1, 6, 264));
      cases.add(new Resize(format, 1, 2, 2, 67, 1, 8));
    }
    return KernelHarness.affordable(cases);
  }

  private static double[] run(Resize c, HostArray input, HostArray before, boolean backward) {
    int vectors = c.channels / c.format.perVector();
    int rowVectors = c.columns * vectors;
    int threads = Math.min(64, rowVectors);
    int x = Math.min(8, vectors);
    Geometry geometry =
        backward
            ? new Geometry(
                (long) c.height * c.width, Geometries.ceil(vectors, x), c.images, x, 256 / x, 0)
            : new Geometry(Geometries.ceil(rowVectors, threads), c.rows, c.images, threads, 1, 0);
    int elements = backward ? c.inputElements() : c.outputElements();
    return KernelHarness.run(
            (backward ? "bilinearResizeBackward_" : "bilinearResize_") + c.format.suffix(),
            geometry,
            BilinearResize.class,
            memory ->
                new BilinearResize(
                    memory.input(input),
                    before == null
                        ? memory.output("output", c.format, elements)
                        : memory.inOut("output", before),
                    c.images,
                    c.height,
                    c.width,
                    c.rows,
                    c.columns,
                    c.channels,
                    before == null ? 0 : 1))
        .get("output");
  }

  /** Sums of weight by number, and of their absolute values, both ways. */
  private static double[][] expected(Resize c, double[] from, double[] before, boolean backward) {
    double[] sums = new double[backward ? c.inputElements() : c.outputElements()];
    double[] magnitudes = new double[sums.length];
    if (before != null) {
      System.arraycopy(before, 0, sums, 0, sums.length);
      Arrays.setAll(magnitudes, i -> Math.abs(before[i]));
    }
    for (int n = 0; n < c.images; n++) {
      int image = n;
      c.visit(
          (output, input, weight) -> {
            int outputAt = (image * c.rows * c.columns + output) * c.channels;
            int inputAt = (image * c.height * c.width + input) * c.channels;
            for (int k = 0; k < c.channels; k++) {
              int to = (backward ? inputAt : outputAt) + k;
              double term = weight * from[(backward ? outputAt : inputAt) + k];
              sums[to] += term;
              magnitudes[to] += Math.abs(term);
            }
          });
    }
    return new double[][] {sums, magnitudes};
  }

  @ParameterizedTest
  @MethodSource("resizes")
  void resizes(Resize c) {
    HostArray input =
        HostArray.gaussian(c.format, c.inputElements(), 1, 2, new SplittableRandom(1));
    double[][] expected = expected(c, input.values(), null, false);
    Compare.sums(
        c.toString(), c.format, run(c, input, null, false), expected[0], 4, i -> expected[1][i]);
  }

  @ParameterizedTest
  @MethodSource("resizes")
  void gathersGradients(Resize c) {
    SplittableRandom random = new SplittableRandom(2);
    HostArray gradient = HostArray.gaussian(c.format, c.outputElements(), 1, 2, random);
    HostArray before = HostArray.gaussian(c.format, c.inputElements(), 1, 2, random);
    for (HostArray old : Arrays.asList(null, before)) {
      double[][] expected = expected(c, gradient.values(), old == null ? null : old.values(), true);
      double terms = 1 + 4.0 * c.rows * c.columns / (c.height * c.width);
      Compare.sums(
          c + (old == null ? "" : ", accumulating"),
          c.format,
          run(c, gradient, old, true),
          expected[0],
          terms,
          i -> expected[1][i]);
    }
  }

  /** By factors of two all shares and sums of small integers are exact. */
  @ParameterizedTest
  @EnumSource(
      value = Format.class,
      names = {"F16", "BF16", "TF32", "F32"})
  void integersAreExact(Format format) {
    SplittableRandom random = new SplittableRandom(3);
    Resize c = new Resize(format, 2, 3, 5, 6, 10, 24);
    HostArray input = HostArray.integers(format, c.inputElements(), 3, random);
    HostArray gradient = HostArray.integers(format, c.outputElements(), 1, random);
    Compare.exactlySparse(
        c.toString(), run(c, input, null, false), expected(c, input.values(), null, false)[0]);
    Compare.exactlySparse(
        c + ", gradient",
        run(c, gradient, null, true),
        expected(c, gradient.values(), null, true)[0]);
  }

  record Copy(
      Format format,
      int pixels,
      int inputPitch,
      int outputPitch,
      int inputFirst,
      int outputFirst,
      int channels,
      int written) {}

  static Stream<Copy> copies() {
    List<Copy> cases = new ArrayList<>();
    for (Format format : Format.STORAGE) {
      cases.add(new Copy(format, 77, 24, 64, 0, 16, 24, 24));
      cases.add(new Copy(format, 77, 64, 24, 16, 0, 24, 24));
      cases.add(new Copy(format, 300, 8, 16, 0, 5, 5, 11));
      cases.add(new Copy(format, 300, 16, 8, 5, 0, 5, 8));
      cases.add(new Copy(format, 9, 8, 24, 0, 8, 8, 16));
      cases.add(new Copy(format, 5, 2056, 3000, 8, 16, 2048, 2048));
      cases.add(new Copy(format, 3, 320, 640, 1, 2, 300, 301));
    }
    return KernelHarness.affordable(cases);
  }

  private static double[] run(Copy c, HostArray input, HostArray output, boolean accumulate) {
    int n = c.format.perVector();
    boolean whole = c.channels == c.written && (c.inputFirst | c.outputFirst | c.channels) % n == 0;
    int units = whole ? c.written / n : c.written;
    int gridY = Geometries.ceil(units, 128);
    int x = Geometries.ceil(units, gridY);
    // Fewer blocks than rows, so that they work on.
    Geometry geometry = new Geometry(3, gridY, 1, x, Math.max(1, 64 / x), 0);
    return KernelHarness.run(
            "copyChannels_" + c.format.suffix(),
            geometry,
            ChannelCopy.class,
            memory ->
                new ChannelCopy(
                    memory.input(input),
                    memory.inOut("output", output),
                    c.pixels,
                    c.inputPitch,
                    c.outputPitch,
                    c.inputFirst,
                    c.outputFirst,
                    c.channels,
                    c.written,
                    accumulate ? 1 : 0))
        .get("output");
  }

  /** Bit for bit, and nothing beside; special numbers, too. */
  @ParameterizedTest
  @MethodSource("copies")
  void copiesChannels(Copy c) {
    SplittableRandom random = new SplittableRandom(4);
    HostArray input =
        HostArray.gaussian(c.format, c.pixels * c.inputPitch, 0, 1, random).withSpecials(random);
    HostArray output = HostArray.gaussian(c.format, c.pixels * c.outputPitch, 0, 1, random);
    for (boolean accumulate : new boolean[] {false, true}) {
      double[] from = input.values();
      double[] expected = output.values();
      for (int pixel = 0; pixel < c.pixels; pixel++) {
        for (int i = 0; i < c.written; i++) {
          int at = pixel * c.outputPitch + c.outputFirst + i;
          double x = i < c.channels ? from[pixel * c.inputPitch + c.inputFirst + i] : 0;
          expected[at] = accumulate ? c.format.round((float) expected[at] + (float) x) : x;
        }
      }
      Compare.exactlySparse(c.toString(), run(c, input, output, accumulate), expected);
    }
  }

  record Pixels(
      Format format, int images, int plane, int classes, boolean channelsLast, double smoothing) {
    int pitch() {
      return Geometries.ceil(classes, 8) * 8;
    }

    int pixels() {
      return images * plane;
    }

    int at(int pixel, int k) {
      return channelsLast
          ? pixel * classes + k
          : (pixel / plane * classes + k) * plane + pixel % plane;
    }
  }

  static Stream<Pixels> pixels() {
    List<Pixels> cases = new ArrayList<>();
    for (Format format : Format.STORAGE) {
      cases.add(new Pixels(format, 3, 77, 21, false, 0.1));
      cases.add(new Pixels(format, 2, 150, 21, true, 0));
      cases.add(new Pixels(format, 5, 9, 2, false, 0));
      cases.add(new Pixels(format, 1, 30, 300, true, 0.2));
    }
    return KernelHarness.affordable(cases);
  }

  private static final float SCALE = 0.01f;

  private static Result run(Pixels c, HostArray logits, HostArray labels, int perBlock) {
    int blocks = Geometries.ceil(c.pixels(), perBlock);
    return KernelHarness.run(
        "pixelCrossEntropy_" + c.format.suffix(),
        new Geometry(blocks, 1, 1, 128, 1, perBlock * (c.classes | 1) * 4),
        PixelCrossEntropy.class,
        memory ->
            new PixelCrossEntropy(
                memory.input(logits),
                memory.input(labels),
                memory.output("loss", Format.F32, blocks),
                memory.output("gradient", Format.F32, c.pixels() * c.classes),
                c.pixels(),
                c.plane,
                c.classes,
                c.pitch(),
                c.channelsLast ? 1 : 0,
                perBlock,
                (float) c.smoothing,
                SCALE));
  }

  @ParameterizedTest
  @MethodSource("pixels")
  void judgesPixels(Pixels c) {
    SplittableRandom random = new SplittableRandom(5);
    HostArray logits =
        HostArray.gaussian(c.format, c.pixels() * c.pitch(), 0, 4, random)
            .withPadding(c.pitch(), c.classes);
    HostArray labels =
        HostArray.filled(Format.I32, c.pixels(), n -> n % 5 == 1 ? -1 : random.nextInt(c.classes));
    int perBlock = Math.min(Math.min(128, 12000 / (c.classes | 1)), c.pixels());
    Result result = run(c, logits, labels, perBlock);
    double[] gradient = result.get("gradient");
    double[] z = logits.values();
    double[] losses = new double[result.get("loss").length];
    for (int pixel = 0; pixel < c.pixels(); pixel++) {
      int label = (int) labels.values()[pixel];
      int first = pixel * c.pitch();
      double largest = Double.NEGATIVE_INFINITY;
      for (int k = 0; k < c.classes; k++) {
        largest = Math.max(largest, z[first + k]);
      }
      double sum = 0;
      for (int k = 0; k < c.classes; k++) {
        sum += Math.exp(z[first + k] - largest);
      }
      for (int k = 0; k < c.classes; k++) {
        double log = z[first + k] - largest - Math.log(sum);
        double t = (k == label ? 1 - c.smoothing : 0) + c.smoothing / c.classes;
        double expected = label < 0 ? 0 : (Math.exp(log) - t) * SCALE;
        double scale = label < 0 ? 0 : (Math.exp(log) * (1 + Math.abs(log)) + t) * SCALE;
        assertThat(Math.abs(gradient[c.at(pixel, k)] - expected))
            .as(
                "%s, class %d of pixel %d: %s, not %s",
                c, k, pixel, gradient[c.at(pixel, k)], expected)
            .isLessThanOrEqualTo(2e-6 * scale + 1e-30);
        losses[pixel / perBlock] -= label < 0 ? 0 : t * log;
      }
    }
    for (int i = 0; i < losses.length; i++) {
      assertThat(Math.abs(result.get("loss")[i] - losses[i]))
          .as("%s, loss of block %d: %s, not %s", c, i, result.get("loss")[i], losses[i])
          .isLessThanOrEqualTo(2e-6 * (Math.abs(losses[i]) + perBlock));
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Format.class,
      names = {"F16", "BF16", "TF32", "F32"})
  void showsWhatIsNotFinite(Format format) {
    Pixels c = new Pixels(format, 1, 4, 20, true, 0);
    double[] z = HostArray.gaussian(format, 4 * c.pitch(), 0, 3, new SplittableRandom(6)).values();
    z[7] = Double.NaN;
    z[c.pitch() + 19] = Double.POSITIVE_INFINITY;
    z[2 * c.pitch() + 5] = Double.NEGATIVE_INFINITY;
    z[3 * c.pitch() + 5] = Double.NEGATIVE_INFINITY;
    HostArray labels = HostArray.of(Format.I32, 3, 3, 3, 5);
    Result result = run(c, HostArray.of(format, z), labels, 1);
    double[] loss = result.get("loss");
    double[] gradient = result.get("gradient");
    assertThat(loss[0]).isNaN();
    assertThat(loss[1]).isNaN();
    assertThat(gradient[0]).isNaN();
    assertThat(gradient[c.classes]).isNaN();
    // A class that is impossible costs nothing unless it is the label.
    assertThat(loss[2]).isFinite();
    assertThat(gradient[2 * c.classes + 5]).isZero();
    assertThat(loss[3]).isEqualTo(Double.POSITIVE_INFINITY);
    assertThat(gradient[3 * c.classes + 5]).isEqualTo(-SCALE);
  }
}
