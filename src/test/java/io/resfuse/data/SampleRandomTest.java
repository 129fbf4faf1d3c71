package io.resfuse.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.Test;

class SampleRandomTest {
  private static final int DRAWS = 200_000;

  @Test
  void numbersNeverChange() {
    SampleRandom random = new SampleRandom(1, 2, 3);
    long[] first = {random.nextLong(), random.nextLong(), random.nextLong()};
    assertThat(first)
        .containsExactly(2399657773382937285L, 8067101194408944102L, -831477557584001706L);
  }

  @Test
  void sequencesDifferInSeedEpochAndSample() {
    Set<Long> seen = new HashSet<>();
    for (int seed = 0; seed < 20; seed++) {
      for (int epoch = 0; epoch < 20; epoch++) {
        for (int sample = -20; sample < 20; sample++) {
          seen.add(new SampleRandom(seed, epoch, sample).nextLong());
        }
      }
    }
    assertThat(seen).hasSize(20 * 20 * 40);
  }

  @Test
  void distributionsHaveTheirMeanAndVariance() {
    SampleRandom random = new SampleRandom(7, 0, 0);
    check(random::nextDouble, 0.5, 1.0 / 12);
    check(() -> random.nextInt(10), 4.5, 99.0 / 12);
    check(random::nextGaussian, 0, 1);
    // Beta(a, a) has the variance 1 / (4 (2 a + 1)).
    check(() -> random.nextBeta(1), 0.5, 1.0 / 12);
    check(() -> random.nextBeta(0.2), 0.5, 1 / 5.6);
    check(() -> random.nextBeta(4), 0.5, 1.0 / 36);
  }

  /** Within 6 standard errors of the mean, and 5% of the variance. */
  private static void check(DoubleSupplier draw, double mean, double variance) {
    double[] values = new double[DRAWS];
    Arrays.setAll(values, i -> draw.getAsDouble());
    double found = Arrays.stream(values).average().orElseThrow();
    double spread = Arrays.stream(values).map(v -> (v - found) * (v - found)).sum() / DRAWS;
    assertThat(found).isEqualTo(mean, within(6 * Math.sqrt(variance / DRAWS)));
    assertThat(spread).isEqualTo(variance, within(0.05 * variance));
  }

  @Test
  void permutationsHoldEachNumberOnce() {
    int[] order = new SampleRandom(3, 0, 0).permutation(1000);
    assertThat(order).isNotEqualTo(new SampleRandom(3, 1, 0).permutation(1000));
    Arrays.sort(order);
    for (int i = 0; i < order.length; i++) {
      assertThat(order[i]).isEqualTo(i);
    }
  }
}
