package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.bench.BenchReport;
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
              assertThat(layer.alone()).isTrue();
              assertThat(layer.seconds().median()).isPositive();
            });
    assertThat(report.notes()).contains("softcuda emulates a GPU: its times say nothing about one");
  }
}
