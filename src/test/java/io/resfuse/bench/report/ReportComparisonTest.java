package io.resfuse.bench.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.Engine;
import io.resfuse.engine.Precision;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ReportComparisonTest {
  private static final Workload WORKLOAD = workload(8);

  private static Workload workload(int batch) {
    return new Workload("resnet20", Engine.Mode.INFERENCE, batch, 32, Precision.FP32);
  }

  private static BenchReport report(String cpu, Workload workload, Summary speed, Summary layer) {
    return report(cpu, workload, speed, null, layer);
  }

  private static BenchReport report(
      String cpu, Workload workload, Summary speed, @Nullable Summary share, Summary layer) {
    Conditions conditions = new Conditions(2000, 0, 0, List.of());
    return new BenchReport(
        "2026-01-01T00:00:00Z",
        new Machine(cpu, 2, "Linux amd64", "17"),
        conditions,
        conditions,
        new Settings(7, 1, "", true, 1),
        Map.of("onednn", "an engine"),
        1e-8,
        List.of(),
        List.of(
            new Result(
                workload,
                "onednn",
                workload.precision(),
                Result.Status.TIMED,
                "the first image",
                0.5,
                null,
                speed,
                new Percentiles(1, 1, 1, 7),
                share == null ? null : new Pace(new Summary(1e12, 1e12, 1e12, 7), share),
                null,
                null)),
        List.of(
            new LayerResult(
                workload,
                "conv1",
                1,
                "onednn",
                List.of("jit:any"),
                layer,
                new Cost(1e9, 1e6),
                Double.NaN,
                null,
                null)),
        List.of());
  }

  @Test
  void runsWithinTheirSpreadsAgree() {
    Summary layer = new Summary(1e-3, 0.9e-3, 1.1e-3, 7);
    BenchReport one = report("a", WORKLOAD, new Summary(100, 99, 101, 7), layer);
    ReportComparison same =
        ReportComparison.of(one, report("a", WORKLOAD, new Summary(103, 102, 104, 7), layer));
    assertThat(same.agrees()).isTrue();
    assertThat(same.text())
        .contains("+3.0%", "1 of 1 networks agree in images per second", "; 1 of 1 layers agree")
        .doesNotContain("NO", "another machine");
  }

  @Test
  void whatDiffersIsNamed() {
    BenchReport one =
        report("a", WORKLOAD, new Summary(100, 99, 101, 7), new Summary(1e-3, 1e-3, 1e-3, 7));
    BenchReport other =
        report("b", WORKLOAD, new Summary(80, 79, 81, 7), new Summary(2e-3, 2e-3, 2e-3, 7));
    ReportComparison comparison = ReportComparison.of(one, other);
    assertThat(comparison.agrees()).isFalse();
    assertThat(comparison.text())
        .contains("that was another machine", "-20.0%", "+100.0%", "NO", "conv1")
        .contains("0 of 1 networks agree in images per second", "; 0 of 1 layers agree");
  }

  /** All is slower, and the product is, too. */
  @Test
  void aSlowerMachineIsToldFromASlowerEngine() {
    Summary layer = new Summary(1e-3, 1e-3, 1e-3, 7);
    Summary fast = new Summary(100, 99, 101, 7);
    Summary slow = new Summary(90, 89, 91, 7);
    Summary share = new Summary(0.80, 0.79, 0.81, 7);
    BenchReport earlier = report("a", WORKLOAD, fast, share, layer);
    ReportComparison machine =
        ReportComparison.of(
            earlier, report("a", WORKLOAD, slow, new Summary(0.81, 0.80, 0.82, 7), layer));
    assertThat(machine.agrees()).isTrue();
    assertThat(machine.text())
        .contains("-10.0%", "NO", "0 of 1 networks agree in images per second")
        .contains("1 of 1 in their share of a product");
    ReportComparison engine =
        ReportComparison.of(
            earlier, report("a", WORKLOAD, fast, new Summary(0.7, 0.69, 0.71, 7), layer));
    assertThat(engine.agrees()).isFalse();
    assertThat(ReportComparison.of(earlier, report("a", WORKLOAD, slow, layer)).agrees())
        .as("without a share in one of them")
        .isFalse();
  }

  @Test
  void runsWithoutAnythingInCommonCannotBeCompared() {
    Summary any = new Summary(1, 1, 1, 7);
    assertThatThrownBy(
            () ->
                ReportComparison.of(
                    report("a", WORKLOAD, any, any), report("a", workload(1), any, any)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("nothing in common");
  }
}
