package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.bench.report.BenchReport;
import io.resfuse.bench.report.BenchTable;
import io.resfuse.bench.report.Result;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code resfuse bench} as a user runs it, for moments. */
class BenchCommandTest {
  @TempDir Path folder;

  private static Outcome bench(String... more) {
    List<String> all = new ArrayList<>(List.of("bench", "--network", "resnet20", "--rounds", "2"));
    all.addAll(List.of("--seconds", "0.02"));
    all.addAll(List.of(more));
    return Outcome.of(all.toArray(String[]::new));
  }

  @Test
  void timesEnginesSideBySideInBothModes() throws Exception {
    Path csv = folder.resolve("bench.csv");
    Outcome outcome =
        bench(
            "--engine",
            "onednn,reference",
            "--batch",
            "1,2",
            "--mode",
            "inference,training",
            "--csv",
            csv.toString(),
            "--json");
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.err()).isEmpty();
    BenchReport report = BenchReport.parse(outcome.out());
    assertThat(report.results()).hasSize(8);
    for (Result result : report.results()) {
      assertThat(result.status()).isEqualTo(Result.Status.TIMED);
      assertThat(result.error()).isBetween(0.0, 1.0);
      assertThat(result.against()).isEqualTo("onednn");
      assertThat(result.memory().total()).isPositive();
      assertThat(result.latency().p50()).isLessThanOrEqualTo(result.latency().p99());
      assertThat(result.imagesPerSecond().rounds()).isEqualTo(2);
      assertThat(result.pace().flopPerSecond().median()).isBetween(1e8, 1e15);
      assertThat(result.pace().share().median()).isBetween(1e-6, 2.0);
      if (result.competitor().equals("onednn")) {
        assertThat(result.ratio().median()).isEqualTo(1);
      }
    }
    assertThat(report.overheadShare()).isLessThan(0.01);
    assertThat(Files.readAllLines(csv)).hasSize(9);
    assertThat(BenchReport.parse(report.json())).isEqualTo(report);
  }

  @Test
  void timesLayersAgainstTheCeilingsOfTheMachine() {
    Outcome outcome =
        bench(
            "--engine",
            "onednn",
            "--batch",
            "2",
            "--mode",
            "inference,training",
            "--layers",
            "--json");
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    BenchReport report = BenchReport.parse(outcome.out());
    assertThat(report.ceilings()).hasSize(1);
    assertThat(report.ceilings().get(0).bytesPerSecond()).isBetween(1e8, 1e13);
    assertThat(report.ceilings().get(0).flopPerSecond()).isBetween(1e8, 1e15);
    assertThat(report.layers()).hasSizeGreaterThan(20);
    assertThat(report.layers())
        .allSatisfy(
            layer -> {
              assertThat(layer.seconds().median()).isPositive();
              assertThat(layer.cost().bytes()).isPositive();
              assertThat(layer.roofShare()).isPositive();
            });
    assertThat(BenchTable.text(report)).contains("roof", "conv1: conv 3x3 3>16 pad 1 bn relu");
    assertThat(BenchTable.csv(report).lines()).hasSize(1 + 2 + report.layers().size());
  }

  @Test
  void printsATableAndWhatCannotBeTimed() {
    Outcome outcome = bench("--engine", "onednn", "--batch", "1", "--precision", "fp32,fp16");
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.out())
        .contains("img/s", "p99 ms", "load average", "the harness adds")
        .containsPattern("resnet20 +inference +1 +32 +fp32 +onednn +\\d")
        .contains("onednn, resnet20 inference in fp16, 1 of 32x32: not timed, it cannot");
  }

  @Test
  void wrongUseIsOneLineBeforeAnythingIsTimed() {
    Outcome tooLarge = bench("--engine", "onednn", "--batch", "1,1000000");
    assertThat(tooLarge.exitCode()).isEqualTo(1);
    assertThat(tooLarge.err())
        .contains("1000000 of 32x32 does not fit", "needs", "are available", "smaller batch")
        .hasLineCount(1);
    assertThat(tooLarge.out()).isEmpty();
    Outcome unknown = bench("--network", "resnet51");
    assertThat(unknown.exitCode()).isEqualTo(1);
    assertThat(unknown.err()).startsWith("resfuse: no network is named").hasLineCount(1);
    Outcome unwritable = bench("--csv", folder.resolve("absent/bench.csv").toString());
    assertThat(unwritable.exitCode()).isEqualTo(1);
    assertThat(unwritable.err()).contains("absent/bench.csv cannot be written").hasLineCount(1);
    assertThat(bench("--csv", folder.toString()).err()).contains("it is a folder").hasLineCount(1);
    Outcome noEngine = bench("--engine", "onednn,tpu");
    assertThat(noEngine.err())
        .contains("no engine is named 'tpu'", "peers come with 'benchmarks/run bench'")
        .hasLineCount(1);
    Outcome noOpponent = bench("--engine", "onednn", "--against", "cudnn");
    assertThat(noOpponent.err()).contains("--against cudnn takes no part").hasLineCount(1);
    assertThat(bench("--batch", "0").err()).contains("at least one image").hasLineCount(1);
    assertThat(Outcome.of("bench", "--rounds", "0").err())
        .contains("at least one round")
        .hasLineCount(1);
    assertThat(bench("--mode", "dreaming").exitCode()).isEqualTo(2);
  }

  @Test
  void aRunIsShownAgainAndHeldAgainstAnother() throws Exception {
    Path run = folder.resolve("run.json");
    Files.writeString(run, bench("--engine", "onednn", "--batch", "1", "--json").out());
    Path page = folder.resolve("run.html");
    Outcome again =
        Outcome.of(
            "bench", "--from", run.toString(), "--compare", run.toString(), "--html", page + "");
    assertThat(again.exitCode()).as(again.err()).isZero();
    assertThat(again.out())
        .contains(
            "1 of 1 networks agree in images per second, 1 of 1 in their share of a product",
            "+0.0%");
    assertThat(page).content().contains("Throughput by batch", "resnet20");
    Path slow = folder.resolve("slow.json");
    BenchReport report = BenchReport.parse(Files.readString(run));
    Files.writeString(slow, report.json().replaceAll("median\" : ", "median\" : 9"));
    Outcome differs =
        Outcome.of("bench", "--from", slow.toString(), "--compare", run.toString(), "--json");
    assertThat(differs.exitCode()).isEqualTo(1);
    assertThat(differs.err()).contains("0 of 1 networks agree", "0 of 1 in their share");
    assertThat(BenchReport.parse(differs.out()).results()).hasSize(1);
    Path absent = folder.resolve("absent.json");
    assertThat(Outcome.of("bench", "--compare", absent.toString()).err())
        .contains("absent.json cannot be read")
        .hasLineCount(1);
    Files.writeString(absent, "{}");
    assertThat(Outcome.of("bench", "--from", absent.toString()).err())
        .contains("absent.json is no JSON of resfuse bench")
        .hasLineCount(1);
    assertThat(bench("--html", folder.resolve("no/run.html").toString()).err())
        .contains("no/run.html cannot be written")
        .hasLineCount(1);
  }
}
