package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.resfuse.engine.cuda.KernelReport.Tensor;
import java.util.List;
import org.junit.jupiter.api.Test;

final class SecondLevelCacheTest {
  private static final Tensor A = new Tensor(1, 40);
  private static final Tensor B = new Tensor(2, 40);
  private static final Tensor BIG = new Tensor(3, 1000);

  private final SecondLevelCache cache = new SecondLevelCache(100);

  private double run(Tensor... tensors) {
    return cache.run(List.of(tensors), 0, 0);
  }

  @Test
  void whatIsNewComesFromMemory() {
    assertThat(run(A, B)).isEqualTo(80);
  }

  @Test
  void whatFitsStays() {
    run(A, B);
    assertThat(run(A, B)).isZero();
  }

  @Test
  void whatLaunchesBetweenPushedOutComesAgain() {
    run(A);
    run(BIG);
    assertThat(run(A)).isEqualTo(40);
  }

  @Test
  void aStreamLargerThanTheCacheIsNeverThere() {
    run(BIG);
    assertThat(run(BIG)).isEqualTo(1000);
  }

  /** The end of a large launch is near, its beginning far away. */
  @Test
  void ofALargeLaunchTheEndIsLeft() {
    Tensor large = new Tensor(4, 160);
    run(large, A);
    // 200 (1 - x) + 80 x <= 100 from x = 5/6 on.
    assertThat(run(A, B)).isCloseTo(40 * 5 / 6.0 + 40, within(1e-9));
  }

  @Test
  void aTensorBetweenCountsOnce() {
    run(A);
    run(B);
    run(B);
    assertThat(run(A)).as("40 (1 - x) + 40 + 40 x bytes in between").isZero();
  }

  /** Blocks read the same weights again; the cache serves it if a wave of them fits. */
  @Test
  void whatBlocksShareIsReadOnceIfAWaveFits() {
    assertThat(cache.run(List.of(A, B), 500, 90)).isEqualTo(80);
    SecondLevelCache small = new SecondLevelCache(50);
    assertThat(small.run(List.of(A, B), 500, 90)).isEqualTo(500);
    assertThat(small.run(List.of(A, B), 500, 45)).isEqualTo(80);
  }
}
