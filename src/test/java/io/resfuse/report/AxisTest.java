package io.resfuse.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;

class AxisTest {
  private static List<String> labels(Axis axis) {
    return axis.ticks().stream().map(axis::label).toList();
  }

  @Test
  void roundTicks() {
    assertThat(labels(new Axis(0, 1, false))).containsExactly("0", "0.2", "0.4", "0.6", "0.8", "1");
    assertThat(labels(new Axis(-30, 1230, false)))
        .containsExactly("0", "200", "400", "600", "800", "1000", "1200");
    assertThat(labels(new Axis(0.91, 0.947, false))).contains("0.91", "0.92", "0.94");
    assertThat(labels(new Axis(-3, 2, true)))
        .containsExactly("0.001", "0.01", "0.1", "1", "10", "100");
  }

  @Test
  void places() {
    Axis axis = Axis.over(new double[] {1, 100, Double.NaN, 0}, true);
    assertThat(axis.place(10)).isCloseTo(0.5, within(1e-9));
    assertThat(axis.place(0)).isEqualTo(Double.NEGATIVE_INFINITY);
    Axis same = Axis.over(new double[] {5, 5}, false);
    assertThat(same.place(5)).isCloseTo(0.5, within(1e-9));
    assertThat(Axis.over(new double[0], false).ticks()).isNotEmpty();
  }

  @Test
  void ticksOfShortLogarithmicAxesAreRoundNumbers() {
    assertThat(labels(Axis.over(new double[] {1, 32}, true)))
        .containsExactly("1", "2", "5", "10", "20");
    assertThat(labels(Axis.over(new double[] {90, 130}, true)))
        .containsExactly("90", "100", "110", "120", "130");
    assertThat(labels(Axis.over(new double[] {0.02, 0.8}, true)))
        .containsExactly("0.02", "0.05", "0.1", "0.2", "0.5");
  }
}
