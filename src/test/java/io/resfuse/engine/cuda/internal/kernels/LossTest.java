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

/** Softmax cross-entropy against float64. */
@ExtendWith(SoftCudaExtension.class)
class LossTest {
  record Case(
      Format format, int images, int classes, double smoothing, boolean targets, double spread) {
    int pitch() {
      return Geometries.ceil(classes, 8) * 8;
    }
  }

  static Stream<Case> cases() {
    List<Case> cases = new ArrayList<>();
    for (Format format : Format.STORAGE) {
      cases.add(new Case(format, 4, 10, 0, false, 3));
      cases.add(new Case(format, 3, 1000, 0.1, false, 5));
      cases.add(new Case(format, 2, 1000, 0, true, 30));
      cases.add(new Case(format, 3, 1, 0, false, 3));
      cases.add(new Case(format, 2, 5003, 0.2, false, 2));
    }
    return cases.stream();
  }

  private static HostArray logits(Case c, SplittableRandom random) {
    return HostArray.gaussian(c.format, c.images * c.pitch(), 0, c.spread, random)
        .withPadding(c.pitch(), c.classes);
  }

  private static Result run(
      Case c, HostArray logits, HostArray labels, HostArray targets, int counted) {
    return KernelHarness.run(
        "softmaxCrossEntropy_" + c.format.suffix(),
        Geometry.linear(c.images, 256),
        SoftmaxCrossEntropy.class,
        memory ->
            new SoftmaxCrossEntropy(
                memory.input(logits),
                memory.input(labels),
                memory.input(targets),
                memory.output("loss", Format.F32, c.images),
                memory.output("gradient", Format.F32, c.images * c.classes),
                c.images,
                c.classes,
                c.pitch(),
                (float) c.smoothing,
                1f / counted));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void isAsInFloat64(Case c) {
    SplittableRandom random = new SplittableRandom(1);
    HostArray logits = logits(c, random);
    // The second image has no label.
    HostArray labels =
        c.targets
            ? null
            : HostArray.filled(Format.I32, c.images, n -> n == 1 ? -1 : random.nextInt(c.classes));
    HostArray targets =
        c.targets
            ? HostArray.filled(
                Format.F32,
                c.images * c.classes,
                i -> i % 3 == 0 ? 0 : random.nextDouble() * 2 / c.classes)
            : null;
    int counted = c.targets ? c.images : c.images - 1;
    Result result = run(c, logits, labels, targets, counted);
    double[] z = logits.values();
    float inverseCounted = 1f / counted;
    for (int n = 0; n < c.images; n++) {
      boolean counts = c.targets || labels.values()[n] >= 0;
      double[] t = new double[c.classes];
      double mass = 0;
      double largest = Double.NEGATIVE_INFINITY;
      for (int k = 0; k < c.classes; k++) {
        t[k] =
            c.targets
                ? targets.values()[n * c.classes + k]
                : (k == labels.values()[n] ? 1 - c.smoothing : 0) + c.smoothing / c.classes;
        mass += t[k];
        largest = Math.max(largest, z[n * c.pitch() + k]);
      }
      double sum = 0;
      for (int k = 0; k < c.classes; k++) {
        sum += Math.exp(z[n * c.pitch() + k] - largest);
      }
      double loss = 0;
      for (int k = 0; k < c.classes; k++) {
        double log = z[n * c.pitch() + k] - largest - Math.log(sum);
        loss -= t[k] * log;
        double expected = counts ? (Math.exp(log) * mass - t[k]) * inverseCounted : 0;
        double got = result.get("gradient")[n * c.classes + k];
        double scale = counts ? (Math.exp(log) * mass * (1 + Math.abs(log)) + t[k]) : 0;
        assertThat(Math.abs(got - expected))
            .as("%s, gradient %d,%d: %s, not %s", c, n, k, got, expected)
            .isLessThanOrEqualTo(2e-6 * scale + 1e-30);
      }
      double expected = counts ? loss : 0;
      assertThat(Math.abs(result.get("loss")[n] - expected))
          .as("%s, loss %d: %s, not %s", c, n, result.get("loss")[n], expected)
          .isLessThanOrEqualTo(2e-6 * (Math.abs(expected) + mass));
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Format.class,
      names = {"F16", "BF16", "TF32", "F32"})
  void showsWhatIsNotFinite(Format format) {
    Case c = new Case(format, 4, 300, 0, false, 3);
    double[] z = logits(c, new SplittableRandom(2)).values();
    z[7] = Double.NaN;
    z[c.pitch() + 299] = Double.POSITIVE_INFINITY;
    z[2 * c.pitch() + 5] = Double.NEGATIVE_INFINITY;
    z[3 * c.pitch() + 5] = Double.NEGATIVE_INFINITY;
    HostArray labels = HostArray.of(Format.I32, 3, 3, 3, 5);
    Result result = run(c, HostArray.of(format, z), labels, null, 4);
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
    assertThat(gradient[3 * c.classes + 5]).isEqualTo(-0.25);
  }
}
