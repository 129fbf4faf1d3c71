package io.resfuse.engine.reference;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.TestData;
import org.junit.jupiter.api.Test;

/** Rounding to storage precisions, against Java's own float and against known halves. */
class RoundingTest {
  @Test
  void singleIsJavasFloat() {
    long seed = TestData.seed("rounding");
    for (int i = 0; i < 50_000; i++) {
      // Any bits at all: NaN, infinities and magnitudes far beyond float among them.
      double any = Double.longBitsToDouble(TestData.bits(seed, i));
      assertThat(Double.compare(Rounding.FP32.round(any), (double) (float) any)).isZero();
      // Around and below float's smallest normal number.
      double small = TestData.unit(seed, i) * 0x1p-125;
      assertThat(Double.compare(Rounding.FP32.round(small), (double) (float) small)).isZero();
    }
    assertThat(Rounding.FP32.round(Float.MAX_VALUE)).isEqualTo(Float.MAX_VALUE);
    assertThat(Rounding.FP32.round(Float.MAX_VALUE * 1.0000001)).isInfinite();
  }

  @Test
  void tf32RoundsToNearestAndFromTheMiddleAwayFromZero() {
    assertThat(Rounding.TF32.round(1 + 0x1p-11)).isEqualTo(1 + 0x1p-10);
    assertThat(Rounding.TF32.round(-1 - 0x1p-11)).isEqualTo(-1 - 0x1p-10);
    assertThat(Rounding.TF32.round(1 + 0x1.fffffp-12)).isEqualTo(1);
    assertThat(Rounding.TF32.round(1 + 3 * 0x1p-11)).isEqualTo(1 + 2 * 0x1p-10);
    assertThat(Double.compare(Rounding.TF32.round(-0.0), -0.0)).isZero();
    assertThat(Rounding.TF32.round(4097)).isEqualTo(4096);
    assertThat(Rounding.TF32.round(4098)).isEqualTo(4100);
  }

  @Test
  void halfAndBfloat16RoundToNearestEven() {
    assertThat(Rounding.FP16.round(1 + 0x1p-11)).isEqualTo(1);
    assertThat(Rounding.FP16.round(1 + 3 * 0x1p-11)).isEqualTo(1 + 2 * 0x1p-10);
    assertThat(Rounding.FP16.round(65504)).isEqualTo(65504);
    assertThat(Rounding.FP16.round(65519.9)).isEqualTo(65504);
    assertThat(Rounding.FP16.round(-65520)).isEqualTo(Double.NEGATIVE_INFINITY);
    assertThat(Rounding.FP16.round(0x1p-25)).isEqualTo(0);
    assertThat(Rounding.FP16.round(0x1.8p-25)).isEqualTo(0x1p-24);
    assertThat(Rounding.BF16.round(1 + 0x1p-8)).isEqualTo(1);
    assertThat(Rounding.BF16.round(1 + 3 * 0x1p-8)).isEqualTo(1 + 2 * 0x1p-7);
    // A float between would be rounded to the tie, and from there to even: twice.
    assertThat(Rounding.BF16.round(1 + 0x1p-8 + 0x1p-40)).isEqualTo(1 + 0x1p-7);
    assertThat(Rounding.BF16.round(3.5e38)).isInfinite();
    assertThat(Rounding.BF16.round(Double.NaN)).isNaN();
  }
}
