package io.resfuse.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.bench.report.BenchPage;
import io.resfuse.bench.report.BenchReport;
import io.resfuse.bench.report.BenchTable;
import io.resfuse.bench.report.Result;
import io.resfuse.bench.report.Result.Status;
import io.resfuse.bench.report.Settings;
import io.resfuse.bench.report.Workload;
import io.resfuse.engine.Engine;
import io.resfuse.engine.Engine.Mode;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.Precision;
import io.resfuse.model.ResNetConfig;
import io.resfuse.verify.Parity;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Peers beside engines, with peers that are float64 loops behind a mask. */
class PeersTest {
  private final List<String> closed = new ArrayList<>();
  private final List<Integer> batches = new ArrayList<>();

  /** What the peers' memory has free, the last of them from then on. */
  private final Deque<Long> free = new ArrayDeque<>(List.of(Long.MAX_VALUE));

  private final MemoryPool pool =
      new MemoryPool() {
        @Override
        public String name() {
          return "elsewhere";
        }

        @Override
        public long availableBytes() {
          return free.size() > 1 ? free.pop() : free.peek();
        }
      };

  /** A peer that dies where its name says, or answers wrongly. */
  private final class Peer implements Competitor {
    private final String name;
    private final EngineCompetitor behind;

    Peer(String name) {
      this.name = name;
      this.behind = new EngineCompetitor(Engines.open("reference", EngineOptions.defaults()));
    }

    private void dieIn(String place) {
      if (name.equals("dies-in-" + place)) {
        throw new CompetitorException(name + " died; see x.log");
      }
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public String description() {
      return "a stub";
    }

    @Override
    public Optional<Engine> engine() {
      return Optional.empty();
    }

    @Override
    public Optional<String> whyNot(Workload workload) {
      return Optional.empty();
    }

    @Override
    public Precision precision(Workload workload) {
      return Precision.FP32;
    }

    @Override
    public Optional<PlanMemory> memory(Task task, Parity data) {
      return Optional.empty();
    }

    @Override
    public MemoryPool pool() {
      return pool;
    }

    @Override
    public Parity.Finding training(Task task, Parity parity) {
      return Parity.Finding.NONE;
    }

    @Override
    public Entry enter(Task task, Parity data) {
      dieIn("enter");
      Workload w = task.workload();
      Workload fp32 = new Workload(w.network(), w.mode(), w.batch(), w.size(), Precision.FP32);
      Entry entry = behind.enter(new Task(fp32, task.config(), task.test()), data);
      return new Entry() {
        private int runs;

        @Override
        public void run(long nanos, Latencies latencies) {
          dieIn("run");
          batches.add(w.batch());
          if (runs++ == 3) {
            dieIn("round-2");
          }
          entry.run(nanos, latencies);
        }

        @Override
        public float[] answer() {
          dieIn("answer");
          float[] answer = entry.answer();
          if (name.equals("wrong")) {
            answer[0] += 0.5f;
          }
          return answer;
        }

        @Override
        public void close() {
          closed.add(name);
          entry.close();
        }
      };
    }

    @Override
    public void close() {
      behind.close();
    }
  }

  private Competitors open(String... names) {
    CompetitorProvider provider =
        new CompetitorProvider() {
          @Override
          public Set<String> names() {
            return Set.of(
                "right",
                "wrong",
                "dies-in-enter",
                "dies-in-answer",
                "dies-in-run",
                "dies-in-round-2");
          }

          @Override
          public Competitor open(String name, EngineOptions options) {
            return new Peer(name);
          }
        };
    return Competitors.open(
        new LinkedHashSet<>(List.of(names)), EngineOptions.defaults(), List.of(provider));
  }

  private BenchReport run(Mode mode, Precision precision, String against, String... names) {
    return run(List.of(new Workload("resnet20", mode, 2, 32, precision)), against, names);
  }

  private BenchReport run(List<Workload> workloads, String against, String... names) {
    ResNetConfig config = ResNetConfig.of("resnet20");
    try (Competitors competitors = open(names);
        Engine reference = Engines.open("reference", EngineOptions.defaults())) {
      return new Bench(
              workloads.stream().map(workload -> Task.of(workload, config)).toList(),
              competitors.all(),
              reference,
              new Settings(2, 1e-3, against, false, 1),
              Watcher.NONE)
          .run();
    }
  }

  private static Map<String, Result> byName(BenchReport report) {
    return report.results().stream()
        .collect(Collectors.toMap(Result::competitor, Function.identity()));
  }

  @Test
  void namesAreThoseOfEnginesAndPeers() {
    try (Competitors competitors = open("right", "onednn", "right")) {
      assertThat(competitors.names()).containsExactly("right", "onednn");
    }
    assertThatThrownBy(() -> open("onednn", "tpu"))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("no engine is named 'tpu', and no peer: there are")
        .hasMessageContaining("peers: dies-in-answer");
    assertThatThrownBy(() -> Competitors.open(Set.of("libtorch"), EngineOptions.defaults()))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("peers come with 'benchmarks/run bench'");
  }

  @Test
  void whoDiesIsSkippedAndTheOthersAreTimed() {
    BenchReport report =
        run(
            Mode.INFERENCE,
            Precision.FP32,
            "dies-in-round-2",
            "dies-in-enter",
            "dies-in-answer",
            "dies-in-run",
            "dies-in-round-2",
            "right",
            "onednn");
    Map<String, Result> results = byName(report);
    for (String place : List.of("enter", "answer", "run", "round-2")) {
      Result result = results.get("dies-in-" + place);
      assertThat(result.status()).isEqualTo(Status.SKIPPED);
      assertThat(result.detail()).isEqualTo("dies-in-" + place + " died; see x.log");
      assertThat(result.imagesPerSecond()).isNull();
    }
    for (String name : List.of("onednn", "right")) {
      Result result = results.get(name);
      assertThat(result.status()).isEqualTo(Status.TIMED);
      assertThat(result.imagesPerSecond().rounds()).isEqualTo(2);
      assertThat(result.against()).isEqualTo("onednn");
    }
    assertThat(results).hasSize(6);
    assertThat(report.passed()).isTrue();
    assertThat(closed)
        .containsExactlyInAnyOrder("dies-in-answer", "dies-in-run", "dies-in-round-2", "right");
  }

  @Test
  void nothingIsTimedWhereAllDie() {
    BenchReport report = run(Mode.INFERENCE, Precision.FP32, "", "dies-in-run");
    assertThat(byName(report).get("dies-in-run").status()).isEqualTo(Status.SKIPPED);
    assertThat(report.passed()).isFalse();
  }

  @Test
  void wrongAnswersAreNamedAndNotTimed() {
    for (Mode mode : Mode.values()) {
      BenchReport report = run(mode, Precision.FP32, "", "wrong", "right", "onednn");
      Map<String, Result> results = byName(report);
      assertThat(results.get("wrong").status()).isEqualTo(Status.WRONG);
      assertThat(results.get("wrong").imagesPerSecond()).isNull();
      assertThat(results.get("right").status()).isEqualTo(Status.TIMED);
      assertThat(results.get("right").error()).isBetween(0.0, 1.0);
      assertThat(results.get("onednn").status()).isEqualTo(Status.TIMED);
      assertThat(report.passed()).isFalse();
    }
  }

  @Test
  void aPeerAloneHasNothingToHoldItsTrainingAgainst() {
    Result result = byName(run(Mode.TRAINING, Precision.FP32, "", "right")).get("right");
    assertThat(result.status()).isEqualTo(Status.SKIPPED);
    assertThat(result.detail()).contains("name one with --engine, too");
  }

  @Test
  void aPeerWithoutThePrecisionRunsInAFinerOne() {
    try (Engine onednn = Engines.open("onednn", EngineOptions.defaults())) {
      Optional<String> whyNot = onednn.whyNot(Precision.BF16, Engine.Mode.INFERENCE);
      assumeTrue(whyNot.isEmpty(), () -> whyNot.orElseThrow());
    }
    BenchReport report = run(Mode.INFERENCE, Precision.BF16, "", "onednn", "right");
    Result result = byName(report).get("right");
    assertThat(result.status()).as(result.detail()).isEqualTo(Status.TIMED);
    assertThat(result.precision()).isEqualTo(Precision.FP32);
    assertThat(result.detail()).startsWith("runs in fp32; held against float64");
    assertThat(byName(report).get("onednn").precision()).isEqualTo(Precision.BF16);
    assertThat(BenchTable.text(report))
        .containsPattern("bf16 +onednn ")
        .containsPattern("bf16 +right \\(fp32\\) ")
        .contains("(fp32): a peer that has not the precision of its row");
    assertThat(BenchPage.html(report)).contains("right (fp32) bf16");
    assertThat(BenchReport.parse(report.json())).isEqualTo(report);
  }

  private List<Workload> twoBatches() {
    return List.of(
        new Workload("resnet20", Mode.INFERENCE, 1, 32, Precision.FP32),
        new Workload("resnet20", Mode.INFERENCE, 2, 32, Precision.FP32));
  }

  @Test
  void roundsSpreadOverTheWholeRun() {
    BenchReport report = run(twoBatches(), "", "right");
    assertThat(report.passed()).isTrue();
    assertThat(batches)
        .as("both warm up, then two rounds, each turn with a time to settle")
        .containsExactly(1, 2, 1, 1, 2, 2, 1, 1, 2, 2);
    assertThat(report.results().stream().map(one -> one.workload().batch())).containsExactly(1, 2);
  }

  @Test
  void whatDoesNotFitIntoMemoryTogetherIsTimedOneAfterTheOther() {
    free.clear();
    free.addAll(List.of(1000L, 499L));
    BenchReport report = run(twoBatches(), "", "right");
    assertThat(report.passed()).isTrue();
    assertThat(batches).containsExactly(1, 1, 1, 1, 1, 2, 2, 2, 2, 2);
    assertThat(report.results()).hasSize(2);
  }
}
