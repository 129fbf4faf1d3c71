package io.resfuse.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.resfuse.bench.report.Percentiles;
import io.resfuse.bench.report.Summary;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SummaryTest {
  @Test
  void quartilesOfKnownNumbers() {
    Summary odd = Summary.of(new double[] {5, 1, 4, 2, 3});
    assertThat(odd).isEqualTo(new Summary(3, 2, 4, 5));
    assertThat(odd.spread()).isEqualTo(2);
    // R: quantile(c(1, 2, 3, 4)) gives 1.75, 2.5, 3.25.
    assertThat(Summary.of(new double[] {4, 3, 2, 1})).isEqualTo(new Summary(2.5, 1.75, 3.25, 4));
    assertThat(Summary.of(new double[] {7})).isEqualTo(new Summary(7, 7, 7, 1));
    assertThat(Summary.quantile(new double[] {0, 10}, 0.99)).isCloseTo(9.9, within(1e-12));
  }

  @Test
  void ratiosAreTakenWithinRounds() {
    // The machine is twice as slow in the second round: the ratio does not see it.
    double[] mine = {20, 10, 30};
    double[] other = {10, 5, 10};
    assertThat(Summary.ofRatios(mine, other)).isEqualTo(new Summary(2, 2, 2.5, 3));
  }

  @Test
  void runsAgreeWithinTheirSpreads() {
    Summary one = new Summary(100, 98, 102, 7);
    assertThat(one.agreesWith(new Summary(106, 105, 107, 7))).isTrue();
    assertThat(one.agreesWith(new Summary(107, 106.5, 107.4, 7))).isFalse();
  }

  @Test
  void mostRunsOfTheSameNoiseAgree() {
    SplittableRandom random = new SplittableRandom(1);
    int agreed = 0;
    int apart = 0;
    for (int i = 0; i < 1000; i++) {
      Summary first = noisy(random, 100);
      agreed += first.agreesWith(noisy(random, 100)) ? 1 : 0;
      apart += first.agreesWith(noisy(random, 115)) ? 0 : 1;
    }
    assertThat(agreed).isGreaterThan(950);
    assertThat(apart).isGreaterThan(950);
  }

  /** Seven rounds with noise of a standard deviation of 2. */
  private static Summary noisy(SplittableRandom random, double mean) {
    double[] rounds = new double[7];
    for (int i = 0; i < rounds.length; i++) {
      rounds[i] = mean + 2 * random.nextGaussian();
    }
    return Summary.of(rounds);
  }

  @Test
  void percentilesOfIterations() {
    Latencies latencies = new Latencies();
    for (int i = 10_000; i >= 0; i--) {
      latencies.add(1000L * i);
    }
    assertThat(latencies.percentiles()).isEqualTo(new Percentiles(5e-3, 9e-3, 9.9e-3, 10_001));
    assertThat(latencies.meanFrom(10_000)).isZero();
  }
}
