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

/** Squeeze and excitation against plain loops. */
@ExtendWith(SoftCudaExtension.class)
class GateTest {
  private static final int THREADS = 256;

  /** Sizes of a tensor; the last slice and the last block have fewer pixels than the others. */
  record Case(Format format, int images, int pixels, int channels, int pixelsPerSlice) {
    int elements() {
      return images * pixels * channels;
    }

    int slices() {
      return Geometries.ceil(pixels, pixelsPerSlice);
    }

    Geometry geometry() {
      int vectors = channels / format.perVector();
      int x = Math.min(32, vectors);
      return new Geometry(Geometries.ceil(vectors, x), images, slices(), x, THREADS / x, 0);
    }

    /** Where a sum of pixel i's slice is. */
    int partial(int i) {
      int pixel = i / channels % pixels;
      int image = i / channels / pixels;
      return (pixel / pixelsPerSlice * images + image) * channels + i % channels;
    }

    /** Where what pixel i's channel has is. */
    int channel(int i) {
      return i / channels / pixels * channels + i % channels;
    }
  }

  static Stream<Case> tensors() {
    List<Case> cases = new ArrayList<>();
    for (Format format : Format.STORAGE) {
      cases.add(new Case(format, 2, 49, 64, 49));
      cases.add(new Case(format, 3, 1, 8, 1));
      cases.add(new Case(format, 1, 70, 40, 32));
      cases.add(new Case(format, 2, 9, 264, 4));
    }
    return cases.stream();
  }

  private static GateSqueeze squeeze(
      Case c, KernelHarness.Memory memory, HostArray input, long output, long gradient) {
    return new GateSqueeze(
        memory.input(input),
        output,
        gradient,
        memory.output("partials", Format.F32, c.slices() * c.images * c.channels),
        c.images,
        c.pixels,
        c.channels,
        c.pixelsPerSlice);
  }

  @ParameterizedTest
  @MethodSource("tensors")
  void addsUpThePixelsOfEachSlice(Case c) {
    SplittableRandom random = new SplittableRandom(1);
    for (boolean exact : new boolean[] {true, false}) {
      HostArray input =
          exact
              ? HostArray.integers(c.format, c.elements(), 9, random)
              : HostArray.gaussian(c.format, c.elements(), 1, 2, random);
      double[] in = input.values();
      double[] sums = new double[c.slices() * c.images * c.channels];
      double[] magnitudes = new double[sums.length];
      for (int i = 0; i < in.length; i++) {
        sums[c.partial(i)] += in[i];
        magnitudes[c.partial(i)] += Math.abs(in[i]);
      }
      double[] got =
          KernelHarness.run(
                  "gateSqueeze_" + c.format.suffix(),
                  c.geometry(),
                  GateSqueeze.class,
                  memory -> squeeze(c, memory, input, 0, 0))
              .get("partials");
      if (exact) {
        Compare.exact(c.toString(), got, sums);
      } else {
        Compare.sums(c.toString(), Format.F32, got, sums, c.pixelsPerSlice, i -> magnitudes[i]);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("tensors")
  void masksGradientsAndAddsUpTheirProducts(Case c) {
    SplittableRandom random = new SplittableRandom(2);
    HostArray input = HostArray.integers(c.format, c.elements(), 9, random);
    HostArray output = HostArray.integers(c.format, c.elements(), 3, random);
    HostArray gradient = HostArray.integers(c.format, c.elements(), 5, random);
    for (boolean relu : new boolean[] {true, false}) {
      double[] in = input.values();
      double[] out = output.values();
      double[] masked = gradient.values();
      double[] sums = new double[c.slices() * c.images * c.channels];
      for (int i = 0; i < in.length; i++) {
        masked[i] = relu && !(out[i] > 0) ? 0 : masked[i];
        sums[c.partial(i)] += masked[i] * in[i];
      }
      Result result =
          KernelHarness.run(
              "gateSqueezeBackward_" + c.format.suffix(),
              c.geometry(),
              GateSqueeze.class,
              memory ->
                  squeeze(
                      c,
                      memory,
                      input,
                      relu ? memory.input(output) : 0,
                      memory.inOut("gradient", gradient)));
      Compare.exactlySparse(c.toString(), result.get("partials"), sums);
      Compare.exactlySparse(c + " masked", result.get("gradient"), masked);
    }
  }

  @ParameterizedTest
  @MethodSource("tensors")
  void scalesAndShiftsAndAdds(Case c) {
    SplittableRandom random = new SplittableRandom(3);
    HostArray input = HostArray.gaussian(c.format, c.elements(), 0, 1, random).withSpecials(random);
    HostArray residual = HostArray.gaussian(c.format, c.elements(), 0, 1, random);
    double[] residualValues = residual.values();
    HostArray gate = HostArray.gaussian(Format.F32, c.images * c.channels, 0.5, 0.2, random);
    double[] gateValues = gate.values();
    HostArray shift = HostArray.gaussian(Format.F32, c.images * c.channels, 0, 1, random);
    double[] shiftValues = shift.values();
    for (int which = 0; which < 4; which++) {
      boolean shifts = which % 2 == 1;
      boolean adds = which / 2 == 1;
      boolean relu = which == 2 || which == 1;
      double[] in = input.values();
      double[] expected = new double[in.length];
      for (int i = 0; i < in.length; i++) {
        float z =
            Math.fma(
                (float) in[i],
                (float) gateValues[c.channel(i)],
                shifts ? (float) shiftValues[c.channel(i)] : 0);
        z += adds ? (float) residualValues[i] : 0;
        expected[i] = c.format.round(relu && z < 0 ? 0 : z);
      }
      double[] got =
          KernelHarness.run(
                  "gateScale_" + c.format.suffix(),
                  c.geometry(),
                  GateScale.class,
                  memory ->
                      new GateScale(
                          memory.input(input),
                          memory.input(gate),
                          shifts ? memory.input(shift) : 0,
                          adds ? memory.input(residual) : 0,
                          memory.output("output", c.format, c.elements()),
                          c.images,
                          c.pixels,
                          c.channels,
                          c.pixelsPerSlice,
                          relu ? 1 : 0))
              .get("output");
      Compare.exactlySparse(c + " " + which, got, expected);
    }
  }

  /** Sizes of the two products. */
  record Products(int images, int pixels, int valid, int reduced, int slices) {
    int channels() {
      return (valid + 7) / 8 * 8;
    }

    Geometry perHidden() {
      return new Geometry(Geometries.ceil(reduced, THREADS / 32), images, 1, THREADS, 1, 0);
    }

    Geometry perChannel() {
      return new Geometry(Geometries.ceil(channels(), THREADS), images, 1, THREADS, 1, 0);
    }
  }

  static Stream<Products> products() {
    return Stream.of(
        new Products(2, 49, 64, 8, 1),
        new Products(1, 9, 13, 3, 3),
        new Products(3, 4, 264, 17, 2),
        new Products(2, 1, 5, 1, 1));
  }

  private static HostArray floats(int elements, double scale, SplittableRandom random) {
    return HostArray.gaussian(Format.F32, elements, 0, scale, random);
  }

  @ParameterizedTest
  @MethodSource("products")
  void makesHiddenValuesOfTheMeans(Products s) {
    SplittableRandom random = new SplittableRandom(4);
    HostArray partials = floats(s.slices * s.images * s.channels(), 3, random);
    double[] partialsValues = partials.values();
    HostArray weight = floats(s.reduced * s.valid, 1, random);
    double[] weightValues = weight.values();
    // So large that most hidden values are positive.
    HostArray bias = HostArray.gaussian(Format.F32, s.reduced, 15, 4, random);
    double[] biasValues = bias.values();
    double[] means = new double[s.images * s.channels()];
    double[] hidden = new double[s.images * s.reduced];
    double[] magnitudes = new double[hidden.length];
    for (int n = 0; n < s.images; n++) {
      for (int c = 0; c < s.valid; c++) {
        for (int slice = 0; slice < s.slices; slice++) {
          means[n * s.channels() + c] +=
              partialsValues[(slice * s.images + n) * s.channels() + c] / s.pixels;
        }
      }
      for (int r = 0; r < s.reduced; r++) {
        double sum = biasValues[r];
        double magnitude = Math.abs(sum);
        for (int c = 0; c < s.valid; c++) {
          double term = weightValues[r * s.valid + c] * means[n * s.channels() + c];
          sum += term;
          magnitude += Math.abs(term);
        }
        hidden[n * s.reduced + r] = Math.max(0, sum);
        magnitudes[n * s.reduced + r] = magnitude;
      }
    }
    Result result =
        KernelHarness.run(
            "gateHidden",
            s.perHidden(),
            GateHidden.class,
            memory ->
                new GateHidden(
                    memory.input(partials),
                    memory.input(weight),
                    memory.input(bias),
                    memory.inOut("mean", HostArray.filled(Format.F32, means.length, i -> 0)),
                    memory.output("hidden", Format.F32, hidden.length),
                    s.images,
                    s.pixels,
                    s.channels(),
                    s.valid,
                    s.reduced,
                    s.slices));
    Compare.sums(
        s + " means", Format.F32, result.get("mean"), means, s.slices, i -> Math.abs(means[i]) + 1);
    Compare.sums(
        s + " hidden", Format.F32, result.get("hidden"), hidden, s.valid, i -> magnitudes[i]);
  }

  @ParameterizedTest
  @MethodSource("products")
  void makesGatesOfTheHiddenValues(Products s) {
    SplittableRandom random = new SplittableRandom(5);
    HostArray hidden = floats(s.images * s.reduced, 1, random);
    double[] hiddenValues = hidden.values();
    HostArray weight = floats(s.valid * s.reduced, 1, random);
    double[] weightValues = weight.values();
    HostArray bias = floats(s.valid, 1, random);
    double[] biasValues = bias.values();
    double[] gates = new double[s.images * s.channels()];
    double[] magnitudes = new double[gates.length];
    for (int i = 0; i < gates.length; i++) {
      int c = i % s.channels();
      if (c < s.valid) {
        double sum = biasValues[c];
        double magnitude = Math.abs(sum) + 1;
        for (int r = 0; r < s.reduced; r++) {
          double term =
              weightValues[c * s.reduced + r] * hiddenValues[i / s.channels() * s.reduced + r];
          sum += term;
          magnitude += Math.abs(term);
        }
        gates[i] = 1 / (1 + Math.exp(-sum));
        magnitudes[i] = magnitude;
      }
    }
    double[] got =
        KernelHarness.run(
                "gateSigmoid",
                s.perChannel(),
                GateSigmoid.class,
                memory ->
                    new GateSigmoid(
                        memory.input(hidden),
                        memory.input(weight),
                        memory.input(bias),
                        memory.output("gate", Format.F32, gates.length),
                        s.images,
                        s.channels(),
                        s.valid,
                        s.reduced))
            .get("gate");
    Compare.sums(s.toString(), Format.F32, got, gates, s.reduced, i -> magnitudes[i]);
  }

  @ParameterizedTest
  @MethodSource("products")
  void goesBackThroughBothProducts(Products s) {
    SplittableRandom random = new SplittableRandom(6);
    HostArray partials = floats(s.slices * s.images * s.channels(), 2, random);
    double[] partialsValues = partials.values();
    HostArray gate =
        HostArray.filled(Format.F32, s.images * s.channels(), i -> random.nextInt(1, 64) / 64.0);
    double[] gateValues = gate.values();
    HostArray hidden =
        HostArray.filled(Format.F32, s.images * s.reduced, i -> i % 3 == 2 ? 0 : 1.5);
    double[] hiddenValues = hidden.values();
    HostArray second = floats(s.valid * s.reduced, 1, random);
    double[] secondValues = second.values();
    double[] logits = new double[s.images * s.channels()];
    double[] hiddens = new double[s.images * s.reduced];
    double[] magnitudes = new double[hiddens.length];
    for (int n = 0; n < s.images; n++) {
      for (int c = 0; c < s.valid; c++) {
        int at = n * s.channels() + c;
        double g = gateValues[at];
        for (int slice = 0; slice < s.slices; slice++) {
          logits[at] += g * (1 - g) * partialsValues[(slice * s.images + n) * s.channels() + c];
        }
      }
      for (int r = 0; r < s.reduced; r++) {
        int at = n * s.reduced + r;
        for (int c = 0; c < s.valid; c++) {
          double term = secondValues[c * s.reduced + r] * logits[n * s.channels() + c];
          hiddens[at] += term;
          magnitudes[at] += Math.abs(term) + 1;
        }
        hiddens[at] = hiddenValues[at] > 0 ? hiddens[at] : 0;
      }
    }
    Result result =
        KernelHarness.run(
            "gateHiddenBackward",
            s.perHidden(),
            GateHiddenBackward.class,
            memory ->
                new GateHiddenBackward(
                    memory.input(partials),
                    memory.input(gate),
                    memory.input(hidden),
                    memory.input(second),
                    memory.inOut("logits", HostArray.filled(Format.F32, logits.length, i -> 0)),
                    memory.output("hidden", Format.F32, hiddens.length),
                    s.images,
                    s.channels(),
                    s.valid,
                    s.reduced,
                    s.slices));
    Compare.sums(
        s + " logits",
        Format.F32,
        result.get("logits"),
        logits,
        s.slices,
        i -> Math.abs(logits[i]) + 1);
    Compare.sums(
        s + " hidden", Format.F32, result.get("hidden"), hiddens, s.valid, i -> magnitudes[i]);
  }

  @ParameterizedTest
  @MethodSource("products")
  void goesBackToTheMeans(Products s) {
    SplittableRandom random = new SplittableRandom(7);
    HostArray gradient = floats(s.images * s.reduced, 1, random);
    double[] gradientValues = gradient.values();
    HostArray first = floats(s.reduced * s.valid, 1, random);
    double[] firstValues = first.values();
    double[] means = new double[s.images * s.channels()];
    double[] magnitudes = new double[means.length];
    for (int i = 0; i < means.length; i++) {
      int c = i % s.channels();
      for (int r = 0; r < s.reduced && c < s.valid; r++) {
        double term =
            firstValues[r * s.valid + c]
                * gradientValues[i / s.channels() * s.reduced + r]
                / s.pixels;
        means[i] += term;
        magnitudes[i] += Math.abs(term);
      }
    }
    double[] got =
        KernelHarness.run(
                "gateMeanBackward",
                s.perChannel(),
                GateMeanBackward.class,
                memory ->
                    new GateMeanBackward(
                        memory.input(gradient),
                        memory.input(first),
                        memory.output("means", Format.F32, means.length),
                        s.images,
                        s.pixels,
                        s.channels(),
                        s.valid,
                        s.reduced))
            .get("means");
    Compare.sums(s.toString(), Format.F32, got, means, s.reduced + 1, i -> magnitudes[i]);
  }

  @ParameterizedTest
  @MethodSource("products")
  void addsUpTheGradientsOfParameters(Products s) {
    SplittableRandom random = new SplittableRandom(8);
    int pitch = s.channels();
    HostArray gradient = HostArray.integers(Format.F32, s.images * pitch, 9, random);
    double[] gradientValues = gradient.values();
    HostArray input = HostArray.integers(Format.F32, s.images * s.reduced, 9, random);
    double[] inputValues = input.values();
    HostArray oldWeight = HostArray.integers(Format.F32, s.valid * s.reduced, 9, random);
    HostArray oldBias = HostArray.integers(Format.F32, s.valid, 9, random);
    for (boolean accumulate : new boolean[] {false, true}) {
      double[] weight = accumulate ? oldWeight.values() : new double[s.valid * s.reduced];
      double[] bias = accumulate ? oldBias.values() : new double[s.valid];
      for (int n = 0; n < s.images; n++) {
        for (int o = 0; o < s.valid; o++) {
          double g = gradientValues[n * pitch + o];
          bias[o] += g;
          for (int i = 0; i < s.reduced; i++) {
            weight[o * s.reduced + i] += g * inputValues[n * s.reduced + i];
          }
        }
      }
      Result result =
          KernelHarness.run(
              "gateWeightGradient",
              Geometry.linear(Geometries.ceil(s.valid * s.reduced, THREADS), THREADS),
              GateWeightGradient.class,
              memory ->
                  new GateWeightGradient(
                      memory.input(gradient),
                      memory.input(input),
                      memory.inOut("weight", oldWeight),
                      memory.inOut("bias", oldBias),
                      s.images,
                      s.valid,
                      s.reduced,
                      pitch,
                      s.reduced,
                      accumulate ? 1 : 0));
      Compare.exactlySparse(s + " weight", result.get("weight"), weight);
      Compare.exactlySparse(s + " bias", result.get("bias"), bias);
    }
  }
}
