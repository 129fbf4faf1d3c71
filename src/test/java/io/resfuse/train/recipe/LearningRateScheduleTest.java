package io.resfuse.train.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.resfuse.train.TestJobs;
import io.resfuse.train.recipe.LearningRateSchedule.Constant;
import io.resfuse.train.recipe.LearningRateSchedule.Cosine;
import io.resfuse.train.recipe.LearningRateSchedule.OneCycle;
import io.resfuse.train.recipe.LearningRateSchedule.Steps;
import io.resfuse.train.recipe.LearningRateSchedule.WarmUp;
import java.util.List;
import org.junit.jupiter.api.Test;

class LearningRateScheduleTest {
  @Test
  void constant() {
    assertThat(new Constant(0.3).at(0)).isEqualTo(0.3);
    assertThat(new Constant(0.3).at(1_000_000)).isEqualTo(0.3);
  }

  @Test
  void stepsMultiplyAtEachMilestone() {
    Steps steps = new Steps(1, 0.5, List.of(30L, 10L));
    assertThat(steps.at(9)).isEqualTo(1);
    assertThat(steps.at(10)).isEqualTo(0.5);
    assertThat(steps.at(29)).isEqualTo(0.5);
    assertThat(steps.at(30)).isEqualTo(0.25);
  }

  @Test
  void cosineFollowsItsFormula() {
    Cosine cosine = new Cosine(0.4, 0.1, 200);
    for (int step : new int[] {0, 1, 37, 100, 199, 200}) {
      double expected = 0.1 + 0.5 * (0.4 - 0.1) * (1 + Math.cos(Math.PI * step / 200));
      assertThat(cosine.at(step)).isCloseTo(expected, within(1e-15));
    }
    assertThat(cosine.at(100)).isCloseTo(0.25, within(1e-15));
    assertThat(cosine.at(500)).isCloseTo(0.1, within(1e-15));
  }

  /** The values are those of torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=10). */
  @Test
  void oneCycleIsPyTorchs() {
    OneCycle cycle = new OneCycle(1, 10, 0.3, 25, 1e4, true);
    assertThat(cycle.at(0)).isCloseTo(0.04, within(1e-12));
    assertThat(cycle.at(1)).isCloseTo(0.52, within(1e-12));
    assertThat(cycle.at(2)).isCloseTo(1, within(1e-12));
    assertThat(cycle.at(9)).isCloseTo(4e-6, within(1e-12));
    for (int step = 3; step < 9; step++) {
      double share = (step - 2) / 7.0;
      double expected = 4e-6 + (1 - 4e-6) / 2 * (1 + Math.cos(Math.PI * share));
      assertThat(cycle.at(step)).isCloseTo(expected, within(1e-12));
    }
    OneCycle lines = new OneCycle(1, 10, 0.3, 25, 1e4, false);
    assertThat(lines.at(1)).isCloseTo(0.52, within(1e-12));
    assertThat(lines.at(4)).isCloseTo(1 + (4e-6 - 1) * 2 / 7, within(1e-12));
  }

  /** Where the peak would be at step 0, too. */
  @Test
  void shortCyclesHaveRates() {
    for (int steps = 2; steps <= 40; steps++) {
      for (double rise : new double[] {0.1, 0.2, 0.25, 0.3, 0.5, 0.9}) {
        for (boolean cosine : new boolean[] {true, false}) {
          OneCycle cycle = new OneCycle(1, steps, rise, 25, 1e4, cosine);
          for (int step = 0; step < steps; step++) {
            assertThat(cycle.at(step)).isBetween(3.99e-6, 1.0);
          }
          assertThat(cycle.at(steps - 1)).isCloseTo(4e-6, within(1e-12));
        }
      }
    }
    assertThat(new OneCycle(1, 5, 0.2, 25, 1e4, false).at(0)).isEqualTo(1);
  }

  @Test
  void warmUpIsALineInFront() {
    WarmUp warmUp = new WarmUp(new Cosine(0.8, 0, 90), 10, 0.1);
    assertThat(warmUp.at(0)).isCloseTo(0.08, within(1e-15));
    assertThat(warmUp.at(5)).isCloseTo(0.8 * 0.55, within(1e-15));
    assertThat(warmUp.at(10)).isEqualTo(0.8);
    assertThat(warmUp.at(55)).isCloseTo(0.4, within(1e-15));
  }

  @Test
  void recipesCountInEpochs() {
    LearningRateSchedule steps =
        TestJobs.recipe(
                "epochs=10",
                "schedule.kind=step",
                "schedule.learning_rate=1",
                "schedule.milestones=[5, 7.5]",
                "schedule.warmup_epochs=1")
            .schedule()
            .over(100, 10);
    assertThat(steps.at(50)).isCloseTo(0.5, within(1e-15));
    assertThat(steps.at(499)).isEqualTo(1);
    assertThat(steps.at(500)).isEqualTo(0.1);
    assertThat(steps.at(749)).isEqualTo(0.1);
    assertThat(steps.at(750)).isCloseTo(0.01, within(1e-15));
  }
}
