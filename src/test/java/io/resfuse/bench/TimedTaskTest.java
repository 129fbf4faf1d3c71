package io.resfuse.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.bench.report.LayerResult;
import io.resfuse.bench.report.Result;
import io.resfuse.bench.report.Settings;
import io.resfuse.bench.report.Summary;
import io.resfuse.bench.report.Workload;
import io.resfuse.engine.Engine.Mode;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.Precision;
import io.resfuse.model.ResNetConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Turns of entries that do nothing. */
class TimedTaskTest {
  private static final Task TASK =
      Task.of(
          new Workload("resnet8", Mode.INFERENCE, 8, 32, Precision.FP32),
          ResNetConfig.of("resnet8"));

  private static final long NANOS = 1_000_000;

  private final StringBuilder order = new StringBuilder();
  private final List<String> layers = new ArrayList<>();

  /** Takes a millisecond per iteration; its layers take as many seconds as it has runs. */
  private final class Recorder implements Entry {
    private final String name;
    private int runs;

    Recorder(String name) {
      this.name = name;
    }

    /** In capitals where it is timed. */
    @Override
    public void run(long nanos, Latencies latencies) {
      boolean isTimed = nanos == NANOS;
      order.append(isTimed ? name.toUpperCase(Locale.ROOT) : name);
      runs += isTimed ? 1 : 0;
      if (name.equals("x") && runs == 2) {
        throw new CompetitorException("it died");
      }
      latencies.add(1_000_000);
    }

    @Override
    public Optional<OperationTimer> timer() {
      return Optional.of(
          (operation, cooler) -> {
            layers.add(name + " " + operation);
            return runs;
          });
    }

    @Override
    public float[] answer() {
      return new float[0];
    }

    @Override
    public void close() {
      order.append("-").append(name);
    }
  }

  private TimedTask timedTask(boolean withLayers, String... names) {
    Settings settings = new Settings(3, NANOS / 1e9, "b", withLayers, 1);
    List<TimedRun> runs = new ArrayList<>();
    for (String name : names) {
      Result checked =
          new Result(
              TASK.workload(),
              name,
              Precision.FP32,
              Result.Status.SKIPPED,
              "right",
              0.5,
              null,
              null,
              null,
              null,
              null,
              null);
      runs.add(new TimedRun(checked, new Recorder(name), null, TASK.flopPerImage(), 3));
    }
    return new TimedTask(TASK, settings, List.of(), runs);
  }

  private static void run(TimedTask timedTask) {
    timedTask.warmUp();
    for (int round = 0; round < 3; round++) {
      timedTask.run(round, () -> {});
    }
  }

  @Test
  void theOrderRotatesFromRoundToRound() {
    try (TimedTask timedTask = timedTask(false, "a", "b", "c")) {
      run(timedTask);
      assertThat(order).hasToString("abc" + "aAbBcC" + "bBcCaA" + "cCaAbB");
      assertThat(timedTask.results())
          .allSatisfy(
              result -> {
                assertThat(result.status()).isEqualTo(Result.Status.TIMED);
                assertThat(result.imagesPerSecond()).isEqualTo(new Summary(8e3, 8e3, 8e3, 3));
                assertThat(result.against()).isEqualTo("b");
              });
      assertThat(timedTask.layerResults(List.of())).isEmpty();
    }
    assertThat(order.toString()).endsWith("-a-b-c");
  }

  @Test
  void whoDiesHasNoMoreTurnsAndNoTimes() {
    try (TimedTask timedTask = timedTask(true, "x", "b")) {
      run(timedTask);
      assertThat(order).hasToString("xb" + "xXbB" + "bBxX" + "bB");
      Result lost = timedTask.results().get(0);
      assertThat(lost.status()).isEqualTo(Result.Status.SKIPPED);
      assertThat(lost.detail()).isEqualTo("it died");
      assertThat(timedTask.results().get(1).ratio()).as("alone in the end").isNull();
      assertThat(timedTask.layerResults(List.of()))
          .isNotEmpty()
          .allSatisfy(layer -> assertThat(layer.competitor()).isEqualTo("b"));
    }
  }

  @Test
  void everyRoundHasRunsOfEveryKindOfLayer() {
    try (TimedTask timedTask = timedTask(true, "a", "b")) {
      run(timedTask);
      List<LayerResult> results = timedTask.layerResults(List.of());
      assertThat(results.get(0).layer()).startsWith("conv1: conv 3x3 3>16");
      // Three runs in each of three rounds.
      assertThat(results)
          .allSatisfy(layer -> assertThat(layer.seconds()).isEqualTo(new Summary(2, 1, 3, 9)));
      assertThat(layers).hasSize(9 * results.size());
      assertThat(layers.subList(0, 6))
          .containsExactly("a conv1", "b conv1", "a conv1", "b conv1", "a conv1", "b conv1");
    }
  }

  @Test
  void theHarnessCostsLittle() {
    assertThat(Overhead.seconds()).isBetween(0.0, 1e-5);
  }
}
