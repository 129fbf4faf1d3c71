package io.resfuse.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.bench.report.BenchReport;
import io.resfuse.bench.report.BenchTable;
import io.resfuse.bench.report.Result;
import io.resfuse.bench.report.Settings;
import io.resfuse.bench.report.Workload;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.model.ResNetConfig;
import io.resfuse.tensor.HostTensor;
import io.resfuse.verify.WrongEngine;
import io.resfuse.verify.WrongEngine.Mistake;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Who answers wrongly is named and not timed, and the others are. */
class WrongCompetitorTest {
  private static BenchReport bench(Engine.Mode mode, Mistake mistake) {
    EngineOptions options = new EngineOptions(0, "");
    Task task =
        Task.of(new Workload("resnet8", mode, 4, 32, Precision.FP32), ResNetConfig.of("resnet8"));
    try (Engine reference = Engines.open("reference", options);
        Competitor right = new EngineCompetitor(Engines.open("onednn", options));
        Competitor wrong =
            new EngineCompetitor(WrongEngine.of(Engines.open("reference", options), mistake))) {
      return new Bench(
              List.of(task),
              List.of(right, wrong),
              reference,
              new Settings(1, 0.01, "", false, 1),
              (what, done, all) -> {})
          .run();
    }
  }

  private static Result wrong(BenchReport report) {
    Map<String, Result> results =
        report.results().stream()
            .collect(Collectors.toMap(Result::competitor, Function.identity()));
    assertThat(results.get("onednn").status()).isEqualTo(Result.Status.TIMED);
    assertThat(results.get("onednn").imagesPerSecond()).isNotNull();
    Result wrong = results.get("reference");
    assertThat(wrong.status()).isEqualTo(Result.Status.WRONG);
    assertThat(wrong.imagesPerSecond()).isNull();
    assertThat(report.passed()).isFalse();
    assertThat(BenchTable.text(report))
        .contains("not timed, its answer is wrong: " + wrong.detail());
    return wrong;
  }

  private static void spoil(FloatBuffer buffer, int at) {
    buffer.put(at, buffer.get(at) * 1.01f);
  }

  @Test
  void aRightEngineIsTimed() {
    BenchReport report = bench(Engine.Mode.TRAINING, new Mistake() {});
    assertThat(report.results()).allMatch(one -> one.status() == Result.Status.TIMED);
    assertThat(report.passed()).isTrue();
  }

  @Test
  void oneWrongLogitIsFound() {
    Result wrong =
        wrong(
            bench(
                Engine.Mode.INFERENCE,
                new Mistake() {
                  @Override
                  public void afterRun(InferencePlan plan) {
                    spoil(plan.output("logits"), 3);
                  }
                }));
    assertThat(wrong.error()).isGreaterThan(1);
    assertThat(wrong.detail()).contains("logits at (n=0").contains("c=3").contains("off by");
  }

  @Test
  void anImageThatOnlyTheBatchHasIsFoundByTheOthers() {
    Result wrong =
        wrong(
            bench(
                Engine.Mode.INFERENCE,
                new Mistake() {
                  @Override
                  public void afterRun(InferencePlan plan) {
                    FloatBuffer logits = plan.output("logits");
                    if (logits.capacity() > 10) {
                      spoil(logits, logits.capacity() - 1);
                    }
                  }
                }));
    assertThat(wrong.detail()).contains("n=3");
  }

  @Test
  void aWrongGradientIsFound() {
    Result wrong =
        wrong(
            bench(
                Engine.Mode.TRAINING,
                new Mistake() {
                  @Override
                  public void after(String method, TrainingPlan plan, Object[] arguments) {
                    if (method.equals("readGradient") && arguments[0].equals("fc.weight")) {
                      spoil(((HostTensor) arguments[1]).buffer(), 7);
                    }
                  }
                }));
    assertThat(wrong.detail()).contains("fc.weight at ").contains("off by");
  }
}
