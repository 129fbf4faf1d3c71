package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.resfuse.bench.report.BenchPage;
import io.resfuse.bench.report.BenchReport;
import io.resfuse.bench.report.BenchTable;
import io.resfuse.engine.cuda.SoftCudaExtension;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The way of {@code resfuse bench} through a GPU's memory, copies and events. */
@ExtendWith(SoftCudaExtension.class)
class BenchOnSoftCudaTest {
  @Test
  void timesNetworkLayersAndCeilingsByTheDevicesEvents() {
    Outcome outcome =
        Outcome.of(
            "bench",
            "--engine",
            "cuda",
            "--device",
            "softcuda",
            "--network",
            "resnet20",
            "--size",
            "8",
            "--batch",
            "2",
            "--precision",
            "fp16",
            "--mode",
            "inference,training",
            "--rounds",
            "1",
            "--seconds",
            "0.01",
            "--layers",
            "--json");
    assertThat(outcome.exitCode()).as(outcome.out() + outcome.err()).isZero();
    BenchReport report = BenchReport.parse(outcome.out());
    assertThat(report.results()).hasSize(2);
    assertThat(report.ceilings().get(0).place()).startsWith("softcuda as");
    assertThat(report.layers()).hasSizeGreaterThan(20);
    assertThat(report.layers())
        .allSatisfy(
            layer -> {
              assertThat(layer.seconds().median()).isPositive();
            });
    assertThat(report.notes()).contains("softcuda emulates a GPU: its times say nothing about one");
  }

  @Test
  void estimatesAreKeptApartAndNamedSo() {
    Outcome outcome =
        Outcome.of(
            "bench",
            "--engine",
            "onednn",
            "--network",
            "resnet8",
            "--batch",
            "2",
            "--precision",
            "tf32,fp16",
            "--mode",
            "training",
            "--rounds",
            "1",
            "--seconds",
            "0.01",
            "--estimates",
            "--json");
    BenchReport report = BenchReport.parse(outcome.out());
    assertThat(report.estimates()).as("two precisions on six GPUs").hasSize(2 * 6);
    assertThat(report.estimates())
        .allSatisfy(
            estimate -> {
              assertThat(estimate.launches()).isGreaterThan(50);
              assertThat(estimate.seconds()).isBetween(1e-6, 1e-2);
              assertThat(estimate.bytes()).isBetween(1.0, estimate.cacheBytes());
              assertThat(estimate.limits().values().stream().mapToDouble(x -> x).sum())
                  .isCloseTo(estimate.seconds(), withinPercentage(0.1));
            });
    assertThat(report.results()).noneMatch(result -> result.competitor().contains("A100"));
    assertThat(BenchTable.text(report)).contains("Estimates of softcuda", "no measurements");
    assertThat(BenchPage.html(report)).contains("<h2>Estimates, no measurements</h2>");
    assertThat(Outcome.of("bench", "--engine", "cuda", "--estimates").err())
        .contains("--estimates takes softcuda")
        .hasLineCount(1);
  }
}
