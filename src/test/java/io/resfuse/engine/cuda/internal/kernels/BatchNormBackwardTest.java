package io.resfuse.engine.cuda.internal.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.KernelHarness.Result;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The gradients of batch norms against their formulas. */
@ExtendWith(SoftCudaExtension.class)
class BatchNormBackwardTest {
  private static final int NONE = 0;
  private static final int OUTPUT = 1;
  private static final int INPUT = 2;
  private static final int BITS = 3;

  record Case(Format format, int rows, int channels, int rowsPerBlock, int mask, boolean full) {
    int elements() {
      return rows * channels;
    }

    int blocks() {
      return Geometries.ceil(rows, rowsPerBlock);
    }
  }

  static Stream<Case> cases() {
    List<Case> cases = new ArrayList<>();
    for (Format format : Format.STORAGE) {
      for (int[] size : new int[][] {{1, 8, 64}, {37, 24, 13}, {150, 64, 64}, {9, 1032, 4}}) {
        for (int mask : new int[] {NONE, INPUT, BITS}) {
          cases.add(new Case(format, size[0], size[1], size[2], mask, true));
        }
        if (size[1] == 24) {
          cases.add(new Case(format, size[0], size[1], size[2], NONE, false));
        }
      }
    }
    return cases.stream();
  }

  /** Which elements of an output are positive, as the forward pass notes it. */
  static HostArray bits(HostArray output) {
    double[] values = output.values();
    int perByte = output.format().perVector();
    double[] bits = new double[values.length / perByte];
    for (int i = 0; i < values.length; i++) {
      bits[i / perByte] += values[i] > 0 ? 1 << i % perByte : 0;
    }
    return HostArray.of(Format.U8, bits);
  }

  /** Arrays of a case; output is what input gives, so that the masks agree. */
  private record Arrays(
      HostArray gradient,
      HostArray input,
      HostArray output,
      HostArray mean,
      HostArray inverse,
      HostArray scale,
      HostArray bias) {
    /** Gradients of what passes the ReLU. */
    double[] masked(Case c) {
      double[] g = gradient.values();
      double[] out = output.values();
      for (int i = 0; c.mask != NONE && i < g.length; i++) {
        g[i] = out[i] > 0 ? g[i] : 0;
      }
      return g;
    }
  }

  private static HostArray outputOf(Case c, HostArray input, HostArray scale, HostArray bias) {
    double[] x = input.values();
    double[] s = scale.values();
    double[] b = bias.values();
    for (int i = 0; i < x.length; i++) {
      int k = i % c.channels;
      float y = Math.fma((float) x[i], (float) s[k], (float) b[k]);
      x[i] = y < 0 ? 0 : y;
    }
    return HostArray.of(c.format, x);
  }

  private static Arrays integers(Case c) {
    SplittableRandom random = new SplittableRandom(1);
    HostArray input = HostArray.integers(c.format, c.elements(), 6, random);
    HostArray scale = HostArray.integers(Format.F32, c.channels, 2, random);
    HostArray bias = HostArray.integers(Format.F32, c.channels, 3, random);
    return new Arrays(
        HostArray.integers(c.format, c.elements(), 7, random),
        input,
        outputOf(c, input, scale, bias),
        HostArray.integers(Format.F32, c.channels, 3, random),
        HostArray.filled(Format.F32, c.channels, i -> Math.scalb(1.0, random.nextInt(-2, 3))),
        scale,
        bias);
  }

  private static Arrays random(Case c, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    HostArray input = HostArray.gaussian(c.format, c.elements(), 1, 2, random);
    HostArray scale = HostArray.gaussian(Format.F32, c.channels, 0.5, 1, random);
    HostArray bias = HostArray.gaussian(Format.F32, c.channels, 0, 1, random);
    return new Arrays(
        HostArray.gaussian(c.format, c.elements(), 0, 1, random),
        input,
        outputOf(c, input, scale, bias),
        HostArray.gaussian(Format.F32, c.channels, 1, 0.1, random),
        HostArray.filled(Format.F32, c.channels, i -> 0.3 + random.nextDouble()),
        scale,
        bias);
  }

  private static double[] reduce(Case c, Arrays a) {
    Geometry rows = Geometries.perChannel(c.format, c.rows, c.channels, 1);
    Geometry geometry = new Geometry(c.blocks(), rows.gridY(), 1, rows.blockX(), rows.blockY(), 0);
    return KernelHarness.run(
            "batchNormBackwardReduce_" + c.format.suffix(),
            geometry,
            BatchNormBackwardReduce.class,
            memory ->
                new BatchNormBackwardReduce(
                    memory.input(a.gradient),
                    memory.input(c.full ? a.input : null),
                    memory.input(c.mask == BITS ? bits(a.output) : null),
                    memory.input(c.full ? a.mean : null),
                    memory.input(c.full ? a.inverse : null),
                    memory.input(c.mask == INPUT ? a.scale : null),
                    memory.input(c.mask == INPUT ? a.bias : null),
                    memory.output("partials", Format.F32, c.blocks() * 2 * c.channels),
                    c.rows,
                    c.channels,
                    c.rowsPerBlock,
                    c.mask))
        .get("partials");
  }

  /** The partial sums in float64, and those of absolute values. */
  private static double[] partials(Case c, Arrays a, boolean absolute) {
    double[] g = a.masked(c);
    double[] x = a.input.values();
    double[] mean = a.mean.values();
    double[] inverse = a.inverse.values();
    double[] sums = new double[c.blocks() * 2 * c.channels];
    for (int i = 0; i < g.length; i++) {
      int k = i % c.channels;
      int place = i / c.channels / c.rowsPerBlock * 2 * c.channels + k;
      double normalised = c.full ? g[i] * (x[i] - mean[k]) * inverse[k] : 0;
      sums[place] += absolute ? Math.abs(g[i]) : g[i];
      sums[place + c.channels] += absolute ? Math.abs(normalised) : normalised;
    }
    return sums;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void reducesSmallIntegersExactly(Case c) {
    Arrays a = integers(c);
    Compare.exactlySparse(c.toString(), reduce(c, a), partials(c, a, false));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void reducesAsInFloat64(Case c) {
    Arrays a = random(c, 2);
    double[] magnitudes = partials(c, a, true);
    double[] expected = partials(c, a, false);
    double[] got = reduce(c, a);
    if (c.full) {
      Compare.sums(c.toString(), Format.F32, got, expected, c.rowsPerBlock + 2, i -> magnitudes[i]);
    } else {
      // Without an input the second sums are zero.
      for (int i = 0; i < got.length; i++) {
        double tolerance = 4 * Compare.UNIT * Math.sqrt(c.rowsPerBlock) * magnitudes[i];
        assertThat(Math.abs(got[i] - expected[i])).isLessThanOrEqualTo(tolerance);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void masksKeepNonFiniteGradientsOut(Case c) {
    Arrays a = random(c, 3);
    double[] output = a.output.values();
    double[] g = a.gradient.values();
    for (int i = 0; i < g.length; i++) {
      if (output[i] == 0) {
        g[i] = i % 2 == 0 ? Double.NaN : Double.POSITIVE_INFINITY;
      }
    }
    Arrays special =
        new Arrays(
            HostArray.of(c.format, g), a.input, a.output, a.mean, a.inverse, a.scale, a.bias);
    if (c.mask != NONE) {
      assertThat(java.util.Arrays.stream(reduce(c, special)).allMatch(Double::isFinite)).isTrue();
      assertThat(reduce(c, special)).isEqualTo(reduce(c, a));
    }
  }

  record Wanted(Format format, int mask, String what, boolean masked, boolean inPlace) {}

  static Stream<Wanted> wanted() {
    List<Wanted> cases = new ArrayList<>();
    int number = 0;
    for (Format format : Format.STORAGE) {
      for (int mask : new int[] {NONE, OUTPUT, INPUT, BITS}) {
        for (String what : wantedWith(mask)) {
          boolean masked = mask == INPUT || (mask != NONE && number % 2 == 0);
          cases.add(new Wanted(format, mask, what, masked, number % 4 < 2));
          number++;
        }
      }
    }
    return cases.stream();
  }

  private static List<String> wantedWith(int mask) {
    return switch (mask) {
      case NONE -> List.of("g", "ag", "all");
      case OUTPUT -> List.of("g", "ag");
      default -> List.of("all");
    };
  }

  private static Result applyBackward(
      Case c, Wanted w, Arrays a, HostArray ca, HostArray cb, HostArray cc) {
    boolean all = w.what.equals("all");
    return KernelHarness.run(
        "batchNormBackwardApply_" + c.format.suffix(),
        Geometries.perChannel(c.format, c.rows, c.channels, 3),
        BatchNormBackwardApply.class,
        memory -> {
          long gradient =
              w.inPlace ? memory.inOut("inputGradient", a.gradient) : memory.input(a.gradient);
          return new BatchNormBackwardApply(
              gradient,
              memory.input(all ? a.input : null),
              memory.input(c.mask == OUTPUT ? a.output : null),
              memory.input(c.mask == BITS ? bits(a.output) : null),
              memory.input(w.what.equals("g") ? null : ca),
              memory.input(all ? cb : null),
              memory.input(all ? cc : null),
              memory.input(all ? a.mean : null),
              memory.input(c.mask == INPUT ? a.scale : null),
              memory.input(c.mask == INPUT ? a.bias : null),
              w.inPlace ? gradient : memory.output("inputGradient", c.format, c.elements()),
              w.masked ? memory.output("masked", c.format, c.elements()) : 0,
              c.rows,
              c.channels,
              c.mask);
        });
  }

  @ParameterizedTest
  @MethodSource("wanted")
  void appliesExactlyAndAsInFloat64(Wanted w) {
    for (int[] size : new int[][] {{1, 8}, {67, 40}, {5, 1040}}) {
      Case c = new Case(w.format, size[0], size[1], 1, w.mask, true);
      SplittableRandom random = new SplittableRandom(4);
      HostArray ka = HostArray.integers(Format.F32, c.channels, 3, random);
      HostArray kb = HostArray.integers(Format.F32, c.channels, 2, random);
      HostArray kc = HostArray.integers(Format.F32, c.channels, 9, random);
      Arrays a = integers(c);
      compareApplied(c, w, a, ka, kb, kc, true);
      HostArray ra = HostArray.gaussian(Format.F32, c.channels, 0, 1, random);
      HostArray rb = HostArray.gaussian(Format.F32, c.channels, 0, 0.1, random);
      HostArray rc = HostArray.gaussian(Format.F32, c.channels, 0, 0.1, random);
      compareApplied(c, w, random(c, 5), ra, rb, rc, false);
    }
  }

  static Stream<Format> formats() {
    return Format.STORAGE.stream();
  }

  /** Two norms whose results were added: the bits of a pass for each. */
  @ParameterizedTest
  @MethodSource("formats")
  void appliesBothAsEachAlone(Format format) {
    for (int[] size : new int[][] {{1, 8}, {67, 40}, {5, 1040}}) {
      Case c = new Case(format, size[0], size[1], 1, NONE, true);
      SplittableRandom random = new SplittableRandom(9);
      Arrays[] norms = {random(c, 6), random(c, 7)};
      HostArray[][] k = new HostArray[2][3];
      for (HostArray[] one : k) {
        for (int i = 0; i < one.length; i++) {
          one[i] = HostArray.gaussian(Format.F32, c.channels, i == 0 ? 1 : 0, 0.3, random);
        }
      }
      boolean inPlace = c.rows > 1;
      Result both =
          KernelHarness.run(
              "batchNormBackwardApplyBoth_" + format.suffix(),
              Geometries.perChannel(format, c.rows, c.channels, 3),
              BatchNormBackwardApplyBoth.class,
              memory -> {
                HostArray g = norms[0].gradient;
                long gradient = inPlace ? memory.inOut("1", g) : memory.input(g);
                return new BatchNormBackwardApplyBoth(
                    gradient,
                    memory.input(norms[0].input),
                    memory.input(norms[1].input),
                    memory.input(k[0][0]),
                    memory.input(k[0][1]),
                    memory.input(k[0][2]),
                    memory.input(norms[0].mean),
                    memory.input(k[1][0]),
                    memory.input(k[1][1]),
                    memory.input(k[1][2]),
                    memory.input(norms[1].mean),
                    memory.output("0", format, c.elements()),
                    inPlace ? gradient : memory.output("1", format, c.elements()),
                    c.rows,
                    c.channels);
              });
      for (int i = 0; i < 2; i++) {
        Arrays a = norms[i];
        Arrays alone =
            new Arrays(norms[0].gradient, a.input, a.output, a.mean, a.inverse, a.scale, a.bias);
        Wanted all = new Wanted(format, NONE, "all", false, false);
        Result one = applyBackward(c, all, alone, k[i][0], k[i][1], k[i][2]);
        assertThat(both.get("" + i)).as("%s, norm %d", c, i).isEqualTo(one.get("inputGradient"));
      }
    }
  }

  private static void compareApplied(
      Case c, Wanted w, Arrays a, HostArray ca, HostArray cb, HostArray cc, boolean exact) {
    Result result = applyBackward(c, w, a, ca, cb, cc);
    double[] g = a.masked(c);
    if (w.masked) {
      Compare.exactlySparse(c + ", masked", result.get("masked"), g);
    }
    double[] x = a.input.values();
    double[] ka = ca.values();
    double[] kb = cb.values();
    double[] kc = cc.values();
    double[] mean = a.mean.values();
    double[] expected = new double[g.length];
    double[] magnitude = new double[g.length];
    for (int i = 0; i < g.length; i++) {
      int k = i % c.channels;
      double scaled = w.what.equals("g") ? g[i] : ka[k] * g[i];
      double rest = w.what.equals("all") ? kb[k] * (x[i] - mean[k]) + kc[k] : 0;
      expected[i] = scaled + rest;
      magnitude[i] =
          Math.abs(scaled)
              + (w.what.equals("all")
                  ? Math.abs(kb[k]) * (Math.abs(x[i]) + Math.abs(mean[k])) + Math.abs(kc[k])
                  : 0);
    }
    double[] got = result.get("inputGradient");
    if (exact) {
      Compare.exactlySparse(c + ", " + w, got, expected);
    } else {
      for (int i = 0; i < got.length; i++) {
        double tolerance =
            8 * Compare.UNIT * magnitude[i]
                + 1.001 * c.format.unit() * Math.abs(expected[i])
                + c.format.tiny();
        assertThat(Math.abs(got[i] - expected[i]))
            .as("%s, %s, element %d: %s, not %s", c, w, i, got[i], expected[i])
            .isLessThanOrEqualTo(tolerance);
      }
    }
  }

  /**
   * Where input * scale + bias is next to half of the smallest number of the type, the mask by the
   * input must be what the stored output says.
   */
  @ParameterizedTest
  @EnumSource(
      value = Format.class,
      names = {"F16", "BF16", "TF32", "F32"})
  void masksAgreeWhereResultsUnderflow(Format format) {
    int channels = 64;
    Case byOutput = new Case(format, 16, channels, 16, BITS, true);
    Case byInput = new Case(format, 16, channels, 16, INPUT, true);
    HostArray input = HostArray.filled(format, 16 * channels, i -> i % 2 == 0 ? 1 : -1);
    HostArray scale =
        HostArray.filled(
            Format.F32, channels, i -> format.tiny() / 2 * (1 + (i / 8 - 4) * 0x1p-10) * (i % 3));
    HostArray bias = HostArray.filled(Format.F32, channels, i -> 0);
    HostArray ones = HostArray.filled(Format.F32, channels, i -> 1);
    double[] output =
        KernelHarness.run(
                "batchNormApply_" + format.suffix(),
                Geometries.perChannel(format, 16, channels, 1),
                BatchNormApply.class,
                memory ->
                    new BatchNormApply(
                        memory.input(input),
                        memory.input(scale),
                        memory.input(bias),
                        0,
                        0,
                        0,
                        memory.output("output", format, 16 * channels),
                        0,
                        16,
                        channels,
                        1))
            .get("output");
    HostArray gradient = HostArray.filled(format, 16 * channels, i -> 1 + i % 5);
    Arrays a = new Arrays(gradient, input, HostArray.of(format, output), ones, ones, scale, bias);
    assertThat(reduce(byInput, a)).isEqualTo(reduce(byOutput, a));
    if (format != Format.F32) {
      long positive = java.util.Arrays.stream(output).filter(x -> x > 0).count();
      assertThat(positive).isBetween(1L, output.length / 2L);
    }
  }

  record Sums(int channels, int blocks, boolean accumulate, boolean norm, boolean coefficients) {}

  static Stream<Sums> sums() {
    return Stream.of(
        new Sums(8, 1, false, true, true),
        new Sums(40, 77, true, true, true),
        new Sums(72, 200, false, true, false),
        new Sums(64, 33, true, false, false));
  }

  @ParameterizedTest
  @MethodSource("sums")
  void finalizes(Sums s) {
    SplittableRandom random = new SplittableRandom(6);
    int channels = s.channels;
    HostArray partials = HostArray.gaussian(Format.F32, s.blocks * 2 * channels, 0.1, 1, random);
    HostArray gamma = HostArray.gaussian(Format.F32, channels, 1, 0.3, random);
    HostArray inverse = HostArray.filled(Format.F32, channels, i -> 0.2 + random.nextDouble());
    HostArray oldGamma = HostArray.gaussian(Format.F32, channels, 0, 1, random);
    HostArray oldBeta = HostArray.gaussian(Format.F32, channels, 0, 1, random);
    int rows = 1000;
    Result result =
        KernelHarness.run(
            "batchNormBackwardFinalize",
            Geometries.columns(channels),
            BatchNormBackwardFinalize.class,
            memory ->
                new BatchNormBackwardFinalize(
                    memory.input(partials),
                    memory.input(s.norm ? gamma : null),
                    memory.input(s.norm ? inverse : null),
                    gradient(memory, "dGamma", s.norm, s.accumulate, oldGamma),
                    gradient(memory, "dBeta", true, s.accumulate, oldBeta),
                    s.coefficients ? memory.output("a", Format.F32, channels) : 0,
                    s.coefficients ? memory.output("b", Format.F32, channels) : 0,
                    s.coefficients ? memory.output("c", Format.F32, channels) : 0,
                    channels,
                    s.blocks,
                    rows,
                    s.accumulate ? 1 : 0));
    double[] p = partials.values();
    for (int c = 0; c < channels; c++) {
      double beta = 0;
      double dGamma = 0;
      double magnitude = 0;
      for (int b = 0; b < s.blocks; b++) {
        beta += p[2 * b * channels + c];
        dGamma += p[(2 * b + 1) * channels + c];
        magnitude += Math.abs(p[2 * b * channels + c]) + Math.abs(p[(2 * b + 1) * channels + c]);
      }
      double before = s.accumulate ? 1 : 0;
      double error = 1e-6 * (magnitude + 2);
      near(result, "dBeta", c, before * oldBeta.values()[c] + beta, error);
      if (s.norm) {
        near(result, "dGamma", c, before * oldGamma.values()[c] + dGamma, error);
      }
      if (s.coefficients) {
        double i = inverse.values()[c];
        double a = gamma.values()[c] * i;
        near(result, "a", c, a, 1e-6);
        near(result, "b", c, -a * i * dGamma / rows, error * i / rows * 3);
        near(result, "c", c, -a * beta / rows, error / rows * 3);
      }
    }
  }

  private static long gradient(
      KernelHarness.Memory memory, String name, boolean wanted, boolean accumulate, HostArray old) {
    if (!wanted) {
      return 0;
    }
    return accumulate ? memory.inOut(name, old) : memory.output(name, Format.F32, old.elements());
  }

  private static void near(Result result, String name, int i, double expected, double error) {
    double got = result.get(name)[i];
    assertThat(Math.abs(got - expected))
        .as("%s[%d]: %s, not %s", name, i, got, expected)
        .isLessThanOrEqualTo(error + 2e-7 * Math.abs(expected));
  }
}
