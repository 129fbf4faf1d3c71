package io.resfuse.engine.cuda.internal.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.driver.StructLayout;
import io.resfuse.engine.cuda.internal.kernels.KernelHarness.Result;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Optimizers, sums of slices and norms against float64. */
@ExtendWith(SoftCudaExtension.class)
class OptimizerKernelsTest {
  private static final int[] COUNTS = {4, 1024, 3000, 1300};
  private static final int ELEMENTS = 4 + 1024 + 3000 + 1300;
  private static final double[] RATE_SCALE = {1, 0.5, 2, 1};
  private static final double[] DECAY = {0, 1e-4, 1e-2, 5e-3};

  record Case(
      Format format,
      boolean adam,
      double momentum,
      boolean nesterov,
      int step,
      boolean decoupled) {}

  static Stream<Case> cases() {
    List<Case> cases = new ArrayList<>();
    for (Format format : Format.STORAGE) {
      cases.add(new Case(format, false, 0, false, 1, false));
      cases.add(new Case(format, false, 0.9, false, 1, false));
      cases.add(new Case(format, false, 0.9, false, 2, false));
      cases.add(new Case(format, false, 0.9, true, 5, false));
      cases.add(new Case(format, true, 0.9, false, 1, true));
      cases.add(new Case(format, true, 0.9, false, 30, false));
    }
    return cases.stream();
  }

  private static HostArray chunks() {
    int size = StructLayout.of(OptimizerChunk.class).size();
    ByteBuffer all = ByteBuffer.allocateDirect(size * COUNTS.length);
    long begin = 0;
    for (int i = 0; i < COUNTS.length; i++) {
      StructLayout.of(OptimizerChunk.class)
          .write(
              new OptimizerChunk(begin, COUNTS[i], (float) RATE_SCALE[i], (float) DECAY[i]),
              all.slice(i * size, size).order(ByteOrder.LITTLE_ENDIAN));
      begin += COUNTS[i];
    }
    return new HostArray(Format.U8, all);
  }

  private record State(HostArray weights, HostArray gradient, HostArray first, HostArray second) {}

  private static State state(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    return new State(
        HostArray.gaussian(Format.F32, ELEMENTS, 0, 0.1, random),
        HostArray.gaussian(Format.F32, ELEMENTS, 0, 10, random),
        HostArray.gaussian(Format.F32, ELEMENTS, 0, 0.1, random),
        HostArray.filled(Format.F32, ELEMENTS, i -> 0.01 * random.nextDouble()));
  }

  private static final double BETA2 = 0.999;
  private static final double EPSILON = 1e-8;
  private static final double RATE = 0.01;
  private static final double GRADIENT_SCALE = 1.0 / 128;

  private static Result run(Case c, State state) {
    boolean hasFirst = c.adam || c.momentum != 0;
    return KernelHarness.run(
        (c.adam ? "adam_" : "sgd_") + c.format.suffix(),
        Geometry.linear(COUNTS.length, 256),
        OptimizerStep.class,
        memory ->
            new OptimizerStep(
                memory.input(chunks()),
                memory.inOut("weights", state.weights),
                memory.input(state.gradient),
                hasFirst ? memory.inOut("first", state.first) : 0,
                c.adam ? memory.inOut("second", state.second) : 0,
                memory.output("stored", c.format, ELEMENTS),
                (float) RATE,
                (float) GRADIENT_SCALE,
                (float) c.momentum,
                (float) (1 - c.momentum),
                (float) BETA2,
                (float) (1 - BETA2),
                (float) EPSILON,
                (float) (1 - Math.pow(c.momentum, c.step)),
                (float) (1 - Math.pow(BETA2, c.step)),
                c.nesterov ? 1 : 0,
                c.step == 1 ? 1 : 0,
                c.decoupled ? 1 : 0));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void updatesAsInFloat64(Case c) {
    State state = state(1);
    Result result = run(c, state);
    double[] w = state.weights.values();
    double[] g = state.gradient.values();
    double[] m = state.first.values();
    double[] v = state.second.values();
    Map<String, double[]> got = new HashMap<>();
    for (String name : List.of("weights", "first", "second", "stored")) {
      if (result.array(name) != null) {
        got.put(name, result.get(name));
      }
    }
    int chunk = 0;
    int end = COUNTS[0];
    for (int i = 0; i < ELEMENTS; i++) {
      if (i == end) {
        end += COUNTS[++chunk];
      }
      double rate = RATE * RATE_SCALE[chunk];
      double decay = DECAY[chunk];
      double gradient = GRADIENT_SCALE * g[i];
      double old = w[i];
      double oldMean = m[i];
      if (c.adam) {
        if (c.decoupled) {
          w[i] -= rate * decay * w[i];
        } else {
          gradient += decay * w[i];
        }
        m[i] = c.momentum * m[i] + (1 - c.momentum) * gradient;
        v[i] = BETA2 * v[i] + (1 - BETA2) * gradient * gradient;
        double step = m[i] / (1 - Math.pow(c.momentum, c.step));
        w[i] -= rate * step / (Math.sqrt(v[i] / (1 - Math.pow(BETA2, c.step))) + EPSILON);
        near("second", got, i, v[i], v[i]);
        near("first", got, i, m[i], Math.abs(oldMean) + Math.abs(gradient));
      } else {
        gradient += decay * w[i];
        if (c.momentum != 0) {
          m[i] = c.step == 1 ? gradient : c.momentum * m[i] + gradient;
          near("first", got, i, m[i], Math.abs(oldMean) + Math.abs(gradient));
          gradient = c.nesterov ? gradient + c.momentum * m[i] : m[i];
        }
        w[i] -= rate * gradient;
      }
      near("weights", got, i, w[i], Math.abs(old) + Math.abs(w[i] - old));
    }
    assertThat(got.get("stored")).isEqualTo(c.format.round(got.get("weights")));
  }

  private static void near(
      String name, Map<String, double[]> arrays, int i, double expected, double scale) {
    double got = arrays.get(name)[i];
    if (!(Math.abs(got - expected) <= 5e-7 * scale)) {
      throw new AssertionError(name + "[" + i + "]: " + got + ", not " + expected);
    }
  }

  @ParameterizedTest
  @CsvSource({"4, 1, false", "1000, 7, false", "5000, 24, true", "36, 3, true"})
  void sumsSlices(int elements, int slices, boolean accumulate) {
    SplittableRandom random = new SplittableRandom(3);
    HostArray partials = HostArray.gaussian(Format.F32, slices * elements, 0, 1, random);
    HostArray before = HostArray.gaussian(Format.F32, elements, 0, 1, random);
    double[] p = partials.values();
    double[] expected = new double[elements];
    for (int i = 0; i < elements; i++) {
      float sum = accumulate ? (float) before.values()[i] : 0;
      for (int s = 0; s < slices; s++) {
        sum += (float) p[s * elements + i];
      }
      expected[i] = sum;
    }
    double[] got =
        KernelHarness.run(
                "sumSlices",
                Geometry.linear(2, 256),
                SumSlices.class,
                memory ->
                    new SumSlices(
                        memory.input(partials),
                        accumulate
                            ? memory.inOut("gradient", before)
                            : memory.output("gradient", Format.F32, elements),
                        elements,
                        slices,
                        accumulate ? 1 : 0))
            .get("gradient");
    Compare.exact("in the order of the slices", got, expected);
  }

  @ParameterizedTest
  @CsvSource({"4, 4096", "4100, 1024", "10000, 4096", "2048, 2048"})
  void normsAreInFloat64(int elements, int perBlock) {
    SplittableRandom random = new SplittableRandom(4);
    HostArray values = HostArray.gaussian(Format.F32, elements, 0, 1e15, random);
    int blocks = Geometries.ceil(elements, perBlock);
    double[] got = norm(values, blocks, perBlock);
    double[] x = values.values();
    for (int b = 0; b < blocks; b++) {
      double sum = 0;
      for (int i = b * perBlock; i < Math.min(elements, (b + 1) * perBlock); i++) {
        sum += x[i] * x[i];
      }
      assertThat(Math.abs(got[b] - sum)).isLessThanOrEqualTo(1e-14 * sum);
    }
  }

  @ParameterizedTest
  @CsvSource({"NaN, NaN", "Infinity, Infinity", "-Infinity, Infinity"})
  void normsShowWhatIsNotFinite(double bad, double expected) {
    HostArray values = HostArray.filled(Format.F32, 9000, i -> i == 4500 ? bad : i);
    double[] got = norm(values, 3, 4096);
    assertThat(got[0]).isFinite();
    assertThat(got[1]).isEqualTo(Double.valueOf(expected));
    assertThat(got[2]).isFinite();
  }

  private static double[] norm(HostArray values, int blocks, int perBlock) {
    return KernelHarness.run(
            "squaredNorm",
            Geometry.linear(blocks, 256),
            SquaredNorm.class,
            memory ->
                new SquaredNorm(
                    memory.input(values),
                    memory.output("partials", Format.F64, blocks),
                    values.elements(),
                    perBlock))
        .get("partials");
  }
}
