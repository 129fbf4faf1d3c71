package io.resfuse.engine.cuda.internal.kernels;

import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Copies that change layouts or types: element by element, exactly. */
@ExtendWith(SoftCudaExtension.class)
class LayoutTest {
  record Case(
      Format format,
      int images,
      int channels,
      int height,
      int width,
      int pitch,
      int top,
      int left,
      int bottom,
      int right,
      boolean channelsLast) {
    int tensorHeight() {
      return top + height + bottom;
    }

    int tensorWidth() {
      return left + width + right;
    }

    int hostElements() {
      return images * channels * height * width;
    }

    int tensorElements() {
      return images * tensorHeight() * tensorWidth() * pitch;
    }

    int hostAt(int n, int c, int y, int x) {
      return channelsLast
          ? ((n * height + y) * width + x) * channels + c
          : ((n * channels + c) * height + y) * width + x;
    }

    int tensorAt(int n, int c, int y, int x) {
      return ((n * tensorHeight() + top + y) * tensorWidth() + left + x) * pitch + c;
    }
  }

  static Stream<Case> cases() {
    List<Case> cases = new ArrayList<>();
    for (Format format : Format.STORAGE) {
      for (boolean last : new boolean[] {true, false}) {
        cases.add(new Case(format, 2, 3, 9, 13, 4, 3, 3, 3, 5, last));
        cases.add(new Case(format, 2, 3, 5, 300, 8, 0, 0, 0, 0, last));
        cases.add(new Case(format, 1, 1, 5, 7, 8, 1, 0, 0, 1, last));
        cases.add(new Case(format, 2, 70, 7, 7, 72, 0, 0, 0, 0, last));
        cases.add(new Case(format, 1, 37, 6, 70, 48, 0, 2, 1, 0, last));
        cases.add(new Case(format, 3, 100, 1, 1, 104, 0, 0, 0, 0, last));
        cases.add(new Case(format, 70, 10, 1, 1, 16, 0, 0, 0, 0, last));
      }
    }
    return cases.stream();
  }

  private static double[] pack(
      Case c, HostArray host, HostArray scale, HostArray bias, HostArray before) {
    String name = host.format() == Format.U8 ? "packBytes_" : "packFloats_";
    return KernelHarness.run(
            name + c.format.suffix(),
            Geometry.linear(3, 256),
            Pack.class,
            memory ->
                new Pack(
                    memory.input(host),
                    before == null
                        ? memory.output("tensor", c.format, c.tensorElements())
                        : memory.inOut("tensor", before),
                    memory.input(scale),
                    memory.input(bias),
                    c.images,
                    c.channels,
                    c.height,
                    c.width,
                    c.pitch,
                    c.tensorHeight(),
                    c.tensorWidth(),
                    c.top,
                    c.left,
                    c.channelsLast ? 1 : 0,
                    before == null ? 0 : 1))
        .get("tensor");
  }

  private interface Visitor {
    void visit(int channel, int hostElement, int tensorElement);
  }

  private static void visit(Case c, Visitor visitor) {
    for (int n = 0; n < c.images; n++) {
      for (int k = 0; k < c.channels; k++) {
        for (int y = 0; y < c.height; y++) {
          for (int x = 0; x < c.width; x++) {
            visitor.visit(k, c.hostAt(n, k, y, x), c.tensorAt(n, k, y, x));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void packsFloats(Case c) {
    SplittableRandom random = new SplittableRandom(1);
    HostArray host =
        HostArray.gaussian(Format.F32, c.hostElements(), 0, 100, random).withSpecials(random);
    double[] expected = new double[c.tensorElements()];
    double[] values = host.values();
    visit(c, (k, from, to) -> expected[to] = c.format.round(values[from]));
    Compare.exactlySparse(c.toString(), pack(c, host, null, null, null), expected);
    HostArray before = HostArray.gaussian(c.format, c.tensorElements(), 0, 100, random);
    double[] sums = before.values();
    visit(c, (k, from, to) -> sums[to] = c.format.round((float) sums[to] + (float) values[from]));
    Compare.exactlySparse(c + ", accumulating", pack(c, host, null, null, before), sums);
  }

  /** Pixels are NHWC. */
  static Stream<Case> pixels() {
    return cases().filter(Case::channelsLast);
  }

  @ParameterizedTest
  @MethodSource("pixels")
  void packsBytes(Case c) {
    SplittableRandom random = new SplittableRandom(2);
    HostArray host = HostArray.filled(Format.U8, c.hostElements(), i -> random.nextInt(256));
    HostArray scale = HostArray.gaussian(Format.F32, c.channels, 0.02, 0.01, random);
    HostArray bias = HostArray.gaussian(Format.F32, c.channels, 0, 1, random);
    double[] expected = new double[c.tensorElements()];
    double[] values = host.values();
    double[] s = scale.values();
    double[] b = bias.values();
    visit(
        c,
        (k, from, to) ->
            expected[to] =
                c.format.round(Math.fma((float) values[from], (float) s[k], (float) b[k])));
    Compare.exactlySparse(c.toString(), pack(c, host, scale, bias, null), expected);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void unpacks(Case given) {
    // Results have no border.
    Case c =
        new Case(
            given.format,
            given.images,
            given.channels,
            given.height,
            given.width,
            given.pitch,
            0,
            0,
            0,
            0,
            given.channelsLast);
    SplittableRandom random = new SplittableRandom(3);
    HostArray tensor =
        HostArray.gaussian(c.format, c.tensorElements(), 0, 100, random).withSpecials(random);
    double[] values = tensor.values();
    double[] expected = new double[c.hostElements()];
    visit(c, (k, to, from) -> expected[to] = values[from]);
    double[] got =
        KernelHarness.run(
                "unpack_" + c.format.suffix(),
                Geometry.linear(3, 256),
                Unpack.class,
                memory ->
                    new Unpack(
                        memory.input(tensor),
                        memory.output("host", Format.F32, c.hostElements()),
                        c.images,
                        c.channels,
                        c.height,
                        c.width,
                        c.pitch,
                        c.channelsLast ? 1 : 0))
            .get("host");
    Compare.exact(c.toString(), got, expected);
  }

  record Shortcut(
      Format format,
      int images,
      int height,
      int width,
      int valid,
      int channels,
      int stride,
      int before) {
    int inputChannels() {
      return Geometries.ceil(valid, 8) * 8;
    }

    int outputHeight() {
      return Geometries.ceil(height, stride);
    }

    int outputWidth() {
      return Geometries.ceil(width, stride);
    }
  }

  static Stream<Shortcut> shortcuts() {
    List<Shortcut> cases = new ArrayList<>();
    for (Format format : Format.STORAGE) {
      cases.add(new Shortcut(format, 2, 8, 8, 16, 32, 2, 8));
      cases.add(new Shortcut(format, 1, 5, 7, 64, 256, 2, 96));
      cases.add(new Shortcut(format, 1, 5, 7, 20, 40, 2, 10));
      cases.add(new Shortcut(format, 2, 4, 4, 5, 16, 3, 3));
      cases.add(new Shortcut(format, 1, 3, 3, 8, 2056, 1, 1024));
    }
    return cases.stream();
  }

  private static double[] shortcut(
      Shortcut c, HostArray input, HostArray before, boolean backward) {
    int channels = backward ? c.inputChannels() : c.channels;
    int pixels = c.images * (backward ? c.height * c.width : c.outputHeight() * c.outputWidth());
    return KernelHarness.run(
            (backward ? "subsampledIdentityBackward_" : "subsampledIdentity_") + c.format.suffix(),
            Geometries.perChannel(c.format, pixels, channels, 3),
            SubsampledIdentity.class,
            memory ->
                new SubsampledIdentity(
                    memory.input(input),
                    before == null
                        ? memory.output("output", c.format, pixels * channels)
                        : memory.inOut("output", before),
                    c.images,
                    c.height,
                    c.width,
                    c.inputChannels(),
                    c.outputHeight(),
                    c.outputWidth(),
                    c.channels,
                    c.stride,
                    c.before,
                    c.valid,
                    before == null ? 0 : 1))
        .get("output");
  }

  @ParameterizedTest
  @MethodSource("shortcuts")
  void subsamplesAndBack(Shortcut c) {
    SplittableRandom random = new SplittableRandom(4);
    int inputElements = c.images * c.height * c.width * c.inputChannels();
    int outputElements = c.images * c.outputHeight() * c.outputWidth() * c.channels;
    HostArray input =
        HostArray.gaussian(c.format, inputElements, 0, 1, random)
            .withSpecials(random)
            .withPadding(c.inputChannels(), c.valid);
    HostArray gradient = HostArray.gaussian(c.format, outputElements, 0, 1, random);
    HostArray before =
        HostArray.gaussian(c.format, inputElements, 0, 1, random)
            .withPadding(c.inputChannels(), c.valid);
    double[] in = input.values();
    double[] g = gradient.values();
    double[] output = new double[outputElements];
    double[] back = new double[inputElements];
    double[] sum = before.values();
    for (int n = 0; n < c.images; n++) {
      for (int i = 0; i < c.outputHeight(); i++) {
        for (int j = 0; j < c.outputWidth(); j++) {
          for (int k = 0; k < c.valid; k++) {
            int from =
                ((n * c.height + i * c.stride) * c.width + j * c.stride) * c.inputChannels() + k;
            int to = ((n * c.outputHeight() + i) * c.outputWidth() + j) * c.channels + c.before + k;
            output[to] = in[from];
            back[from] = g[to];
            sum[from] = c.format.round((float) sum[from] + (float) g[to]);
          }
        }
      }
    }
    Compare.exactlySparse(c.toString(), shortcut(c, input, null, false), output);
    Compare.exactlySparse(c + ", back", shortcut(c, gradient, null, true), back);
    Compare.exactlySparse(c + ", accumulating", shortcut(c, gradient, before, true), sum);
  }

  /** Numbers at, just below and just above the middle between neighbours, of all magnitudes. */
  @ParameterizedTest
  @EnumSource(
      value = Format.class,
      names = {"F16", "BF16", "TF32", "F32"})
  void castsToNearest(Format format) {
    SplittableRandom random = new SplittableRandom(5);
    float[] values = new float[4096];
    for (int i = 0; i < values.length; i++) {
      int bits = random.nextInt();
      int kind = i % 4;
      int dropped = format == Format.BF16 ? 16 : 13;
      int tie = (bits & (-1 << dropped)) | (1 << (dropped - 1));
      float x =
          Float.intBitsToFloat(kind == 0 ? bits : kind == 1 ? tie : kind == 2 ? tie - 1 : tie + 1);
      // Half as many in half's range, subnormal ones among them.
      values[i] = i % 8 < 4 ? x : Math.scalb(x, -Math.getExponent(x) + random.nextInt(-26, 18));
    }
    HostArray input = HostArray.filled(Format.F32, values.length, i -> values[i]);
    for (int elements : new int[] {values.length, 8, 4}) {
      HostArray part = HostArray.filled(Format.F32, elements, i -> values[i]);
      double[] got =
          KernelHarness.run(
                  "cast_" + format.suffix(),
                  Geometry.linear(2, 256),
                  Cast.class,
                  memory ->
                      new Cast(
                          memory.input(part), memory.output("stored", format, elements), elements))
              .get("stored");
      Compare.exactlySparse(format + ", " + elements, got, format.round(part.values()));
    }
    Compare.exactlySparse(
        "specials of " + format,
        format.round(input.values()),
        HostArray.of(format, input.values()).values());
  }

  record Weights(Format format, int packs, int outputs, int taps, int channels) {}

  static Stream<Weights> weights() {
    List<Weights> cases = new ArrayList<>();
    for (Format format : Format.STORAGE) {
      cases.add(new Weights(format, 1, 64, 9, 64));
      cases.add(new Weights(format, 1, 8, 1, 8));
      cases.add(new Weights(format, 3, 40, 2, 72));
      cases.add(new Weights(format, 2, 136, 1, 24));
    }
    return cases.stream();
  }

  @ParameterizedTest
  @MethodSource("weights")
  void transposesWeights(Weights c) {
    int elements = c.packs * c.outputs * c.taps * c.channels;
    int edge = 128 / c.format.bytes();
    HostArray weights = HostArray.gaussian(c.format, elements, 0, 1, new SplittableRandom(6));
    double[] values = weights.values();
    double[] expected = new double[elements];
    for (int p = 0; p < c.packs; p++) {
      for (int n = 0; n < c.outputs; n++) {
        for (int t = 0; t < c.taps; t++) {
          for (int k = 0; k < c.channels; k++) {
            expected[((p * c.channels + k) * c.taps + t) * c.outputs + n] =
                values[((p * c.outputs + n) * c.taps + t) * c.channels + k];
          }
        }
      }
    }
    double[] got =
        KernelHarness.run(
                "transposeWeights_" + c.format.suffix(),
                new Geometry(
                    (long) Geometries.ceil(c.outputs, edge) * Geometries.ceil(c.channels, edge),
                    c.taps,
                    c.packs,
                    256,
                    1,
                    0),
                TransposeWeights.class,
                memory ->
                    new TransposeWeights(
                        memory.input(weights),
                        memory.output("transposed", c.format, elements),
                        c.packs,
                        c.outputs,
                        c.taps,
                        c.channels))
            .get("transposed");
    Compare.exact(c.toString(), got, expected);
  }
}
