package io.resfuse.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Results;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.program.DeviceStopwatch;
import io.resfuse.engine.cuda.internal.tiles.Autotuner;
import io.resfuse.engine.cuda.internal.tiles.TileChooser;
import io.resfuse.engine.cuda.internal.tiles.TuningCache;
import io.resfuse.model.ResNetConfig;
import io.resfuse.verify.Tolerance;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * An engine that times its tiles, on softcuda, whose times mean nothing: any tile must be right.
 */
@ExtendWith(SoftCudaExtension.class)
class TunedEngineTest {
  private static final TestNetwork TEST =
      new TestNetwork(ResNetConfig.of("resnet20").build(), 2, 16, 16);

  @TempDir private Path folder;

  private static Map<String, double[]> step(Function<Context, TileChooser> tiles) {
    try (Engine engine = new CudaEngine(CudaDevice.find(new EngineOptions(0, "softcuda")), tiles);
        TrainingPlan plan =
            engine.planTraining(
                TEST.network(),
                TestData.parameters(TEST.network()),
                TEST.options(Precision.FP32))) {
      return new TreeMap<>(Results.step(plan, TEST, TEST.images(), false));
    }
  }

  @Test
  void anyTilesGiveTheSameWithinRoundingAndOneCacheTheSameBits() {
    long live = Context.liveObjects();
    AtomicInteger timings = new AtomicInteger();
    Function<Context, TileChooser> tuner =
        context -> {
          Autotuner.Stopwatch device = Autotuner.Stopwatch.on(new DeviceStopwatch(context));
          return new Autotuner(
              new TuningCache(folder, "softcuda"),
              (trial, choice) -> {
                timings.incrementAndGet();
                double time = device.time(trial, choice);
                assertThat(time).isPositive();
                // Prefers what the estimate does not.
                return 1.0 / (choice.slices() + 2 * time / (1 + time));
              });
        };
    Map<String, double[]> estimated = step(context -> TileChooser.ESTIMATES);
    Map<String, double[]> tuned = step(tuner);
    assertThat(timings.get()).isGreaterThan(20);
    timings.set(0);
    Map<String, double[]> again = step(tuner);
    assertThat(timings.get()).isZero();
    tuned.forEach(
        (name, values) -> {
          assertThat(again.get(name)).as(name).isEqualTo(values);
          assertThat(Tolerance.distance(values, estimated.get(name)))
              .as(name)
              .isLessThanOrEqualTo(1e-4 * Tolerance.norm(estimated.get(name)));
        });
    assertThat(Context.liveObjects()).isEqualTo(live);
  }
}
