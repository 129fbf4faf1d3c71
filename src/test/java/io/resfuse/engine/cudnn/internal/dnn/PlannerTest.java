package io.resfuse.engine.cudnn.internal.dnn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.EngineException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Which of cuDNN's plans is taken by their times. cuDNN is not needed. */
class PlannerTest {
  private static double time(String plan) {
    if (plan.startsWith("too large")) {
      throw new EngineException("timing a library: memory is short");
    }
    return Double.parseDouble(plan);
  }

  @Test
  void takesTheFastestThatRuns() {
    assertThat(Planner.fastest(List.of("3", "too large", "1", "2"), PlannerTest::time, "a graph"))
        .isEqualTo("1");
  }

  /** Heuristics have the say where times do not differ. */
  @Test
  void takesTheFirstOfEqualOnes() {
    assertThat(Planner.fastest(List.of("2", "1.0", "1"), PlannerTest::time, "a graph"))
        .isEqualTo("1.0");
  }

  @Test
  void saysThatNoneRuns() {
    List<String> plans = List.of("too large", "too large, too");
    assertThatThrownBy(() -> Planner.fastest(plans, PlannerTest::time, "the fused convolution c"))
        .isInstanceOf(EngineException.class)
        .hasMessage("none of the 2 plans of cuDNN for the fused convolution c runs here")
        .hasCauseInstanceOf(EngineException.class);
  }
}
