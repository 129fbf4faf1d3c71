package io.resfuse.benchmarks.convolutions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.resfuse.bench.report.Machine;
import java.util.List;
import org.junit.jupiter.api.Test;

/** One model for the runs of several machines. */
class JointReportTest {
  private static final CostModel QUICK = new CostModel(4, 10, 5);
  private static final CostModel SLOW = new CostModel(8, 30, 15);

  /** A machine on which a model holds exactly; direct convolutions take a second on all. */
  private static ConvolutionsReport run(String kernels, CostModel truth) {
    List<Measured> measured =
        Shape.grid().stream().map(shape -> new Measured(shape, 1, 1, truth.share(shape))).toList();
    return ConvolutionsReport.of(Machine.here(), kernels, measured, List.of());
  }

  private static void isNear(CostModel found, CostModel expected) {
    assertThat(found.products()).isCloseTo(expected.products(), within(1e-6));
    assertThat(found.weights()).isCloseTo(expected.weights(), within(1e-6));
    assertThat(found.transforms()).isCloseTo(expected.transforms(), within(1e-6));
  }

  @Test
  void twoMachinesThatAgreeHaveTheirModel() {
    JointReport both = JointReport.of(List.of(run("avx2", QUICK), run("avx2", QUICK)));
    isNear(both.model(), QUICK);
    assertThat(both.text()).endsWith(QUICK.properties("avx2"));
  }

  /** The model lies between the machines', and what it costs is told for each of them. */
  @Test
  void mistakesAreToldForEachMachine() {
    ConvolutionsReport quick = run("avx512", QUICK);
    ConvolutionsReport slow = run("avx512", SLOW);
    CostModel model = JointReport.of(List.of(quick, slow)).model();
    assertThat(model.products()).isBetween(QUICK.products(), SLOW.products());
    isNear(JointReport.of(List.of(slow, quick)).model(), model);
    for (ConvolutionsReport one : List.of(quick, slow)) {
      assertThat(one.picks()).singleElement().matches(picks -> picks.right() == picks.all());
      assertThat(ConvolutionsReport.picks(one.measured(), model))
          .singleElement()
          .matches(picks -> picks.right() < picks.all() && picks.worst() > 1);
    }
  }

  @Test
  void runsOfOneInstructionSetOnly() {
    assertThatThrownBy(() -> JointReport.of(List.of(run("avx2", QUICK), run("avx512", SLOW))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("avx2 and avx512");
  }
}
