package io.resfuse.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.resfuse.engine.Communicator;
import io.resfuse.engine.Engine;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.train.recipe.AverageRecipe;
import io.resfuse.train.recipe.TrainingRecipe;
import io.resfuse.train.run.TrainingSetup;
import java.nio.FloatBuffer;
import org.junit.jupiter.api.Test;

/** The small formulas, against numbers worked out by hand or in double precision. */
class NumbersTest {
  @Test
  void clippingScalesDownOnly() {
    assertThat(TrainStep.clipping(10, 0)).isEqualTo(1);
    assertThat(TrainStep.clipping(0.5, 2)).isEqualTo(1);
    assertThat(TrainStep.clipping(8, 2)).isCloseTo(0.25, within(1e-6));
  }

  @Test
  void lossScaleHalvesAndGrows() {
    LossScaler scaler = new LossScaler(true);
    assertThat(scaler.scale()).isEqualTo(65536);
    assertThat(scaler.accept(false)).isFalse();
    assertThat(scaler.scale()).isEqualTo(32768);
    for (int i = 0; i < 1999; i++) {
      assertThat(scaler.accept(true)).isTrue();
    }
    assertThat(scaler.scale()).isEqualTo(32768);
    scaler.accept(true);
    assertThat(scaler.scale()).isEqualTo(65536);
    assertThatThrownBy(
            () -> {
              for (int i = 0; i < 100; i++) {
                scaler.accept(false);
              }
            })
        .isInstanceOf(TrainingException.class)
        .hasMessageContaining("whatever the loss scale");
    LossScaler off = new LossScaler(false);
    assertThat(off.accept(false)).isTrue();
    assertThat(off.scale()).isEqualTo(1);
  }

  @Test
  void averageFollowsItsFormula() {
    TrainingRecipe recipe = TestJobs.recipe();
    TrainingSetup setup = TestJobs.setup(recipe, 1);
    TrainingJob job = setup.job();
    WeightAverage average =
        new WeightAverage(new AverageRecipe(0.15, 2), setup.network(), setup.initial());
    double expected = setup.initial().get("fc.bias").get(0);
    float start = setup.initial().get("fc.bias").get(0);
    try (Engine engine = TestJobs.engine();
        TrainingPlan plan =
            engine.planTraining(setup.network(), setup.initial(), job.options(Precision.FP32))) {
      for (int step = 1; step <= 8; step++) {
        Parameters moved = Parameters.zeros(setup.network());
        moved.asMap().values().forEach(tensor -> tensor.set(0, start));
        moved.get("fc.bias").set(0, start + step);
        plan.writeParameters(moved);
        average.afterStep(step, plan);
        if (step % 2 == 0) {
          int n = step / 2 - 1;
          double decay = Math.min(0.15, (1.0 + n) / (10 + n));
          expected = decay * expected + (1 - decay) * (start + step);
        }
      }
    }
    assertThat(average.updates()).isEqualTo(4);
    assertThat((double) average.average().get("fc.bias").get(0)).isCloseTo(expected, within(1e-5));
  }

  @Test
  void tallyCountsRanksAndLosses() {
    // Logits ln(1), ln(2), ln(4), ln(8), ln(16), ln(32): probabilities 1/63 to 32/63.
    FloatBuffer logits = FloatBuffer.allocate(18);
    for (int i = 0; i < 18; i++) {
      logits.put(i, (float) (i % 6 * Math.log(2)));
    }
    PictureTally tally = new PictureTally(6, 1);
    tally.add(logits, new int[] {5, 0, 1}, new int[] {10, 11, 12});
    tally.add(logits, new int[] {-1, 4, -1}, new int[] {-1, 13, -1});
    Evaluation evaluation = tally.result(2, 1.5, Communicator.ALONE);
    assertThat(evaluation.pictures()).isEqualTo(4);
    assertThat(evaluation.unreadable()).isEqualTo(2);
    assertThat(evaluation.score(Measure.TOP1)).isEqualTo(0.25);
    assertThat(evaluation.score(Measure.TOP5)).isEqualTo(0.75);
    double expected = (4 * Math.log(63) - Math.log(32) - Math.log(2) - Math.log(16)) / 4;
    assertThat(evaluation.loss()).isCloseTo(expected, within(1e-6));
    assertThat(evaluation.confusion().count(0, 5)).isEqualTo(1);
    assertThat(evaluation.confusion().count(5, 5)).isEqualTo(1);
    assertThat(evaluation.confusion().of(4)).isEqualTo(1);
    assertThat(evaluation.mistakes()).hasSize(1);
    Mistake worst = evaluation.mistakes().get(0);
    assertThat(worst.sample()).isEqualTo(11);
    assertThat(worst.predicted()).isEqualTo(5);
    assertThat(worst.labelProbability()).isCloseTo(1.0 / 63, within(1e-6));
    assertThat(worst.predictedProbability()).isCloseTo(32.0 / 63, within(1e-6));
  }

  /** Two pictures of 1 x 2 pixels, and a place without one; class 2 is neither there nor given. */
  @Test
  void pixelsAreCountedAndIgnored() {
    float nan = Float.NaN;
    float[][] logits = {{1, 0, 0, 2, -9, -9}, {0, nan, 3, nan, -9, nan}, {9, 9, 9, 9, 9, 9}};
    FloatBuffer all = FloatBuffer.allocate(18);
    for (float[] picture : logits) {
      all.put(picture);
    }
    PixelTally tally = new PixelTally(3, 2);
    tally.add(all, new PixelLabels(new int[] {0, 0, -1}, new int[] {0, 0, 1, 1, -1, -1}));
    Evaluation evaluation = tally.result(1, 2, Communicator.ALONE);
    assertThat(evaluation.pictures()).isEqualTo(2);
    assertThat(evaluation.unreadable()).isEqualTo(1);
    assertThat(evaluation.loss()).isNaN();
    assertThat(evaluation.score(Measure.PIXEL_ACCURACY)).isEqualTo(0.5);
    // Class 0: one right, one given 1. Class 1: one right, one given none, one given wrongly.
    assertThat(evaluation.classScores()).containsExactly(1.0 / 2, 1.0 / 3, Double.NaN);
    assertThat(evaluation.score(Measure.MEAN_IOU)).isCloseTo(5.0 / 12, within(1e-12));
    assertThat(evaluation.confusion().count(0, 1)).isEqualTo(1);
    assertThat(evaluation.confusion().of(1)).isEqualTo(1);
    PixelTally some = new PixelTally(3, 2);
    some.add(all, new PixelLabels(new int[] {0, 0, -1}, new int[] {0, -1, 1, -1, -1, -1}));
    double expected =
        Math.log(Math.E + 1 + Math.exp(-9)) - 1 + Math.log(1 + Math.exp(3) + Math.exp(-9)) - 3;
    assertThat(some.result(0, 1, Communicator.ALONE).loss()).isCloseTo(expected / 2, within(1e-6));
  }

  private static final class PixelLabels implements BatchStream {
    private final int[] labels;
    private final int[] pixelLabels;

    PixelLabels(int[] labels, int[] pixelLabels) {
      this.labels = labels;
      this.pixelLabels = pixelLabels;
    }

    @Override
    public int[] labels() {
      return labels;
    }

    @Override
    public int[] pixelLabels() {
      return pixelLabels;
    }

    @Override
    public boolean advance() {
      return false;
    }

    @Override
    public FloatBuffer images() {
      throw new IllegalStateException();
    }

    @Override
    public int[] samples() {
      throw new IllegalStateException();
    }

    @Override
    public FloatBuffer targets() {
      return null;
    }

    @Override
    public long unreadable() {
      return 0;
    }

    @Override
    public double waitedShare() {
      return 0;
    }

    @Override
    public void close() {}
  }

  @Test
  void logitsThatAreNoNumbersAreWrong() {
    FloatBuffer logits = FloatBuffer.wrap(new float[] {Float.NaN, Float.NaN, 1});
    assertThat(Ranks.of(logits, 0, 3, 0)).isEqualTo(3);
    assertThat(Ranks.of(logits, 0, 3, 2)).isEqualTo(2);
  }
}
