package io.resfuse.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Parameters;
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
import io.resfuse.engine.onednn.Int8Equality;
import io.resfuse.model.ResNetConfig;
import io.resfuse.tensor.TensorLayout;
import io.resfuse.verify.Tolerance;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
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

  private Function<Context, TileChooser> tuner(AtomicInteger timings) {
    return context -> {
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
  }

  @Test
  void anyTilesGiveTheSameWithinRoundingAndOneCacheTheSameBits() {
    long live = Context.liveObjects();
    AtomicInteger timings = new AtomicInteger();
    Function<Context, TileChooser> tuner = tuner(timings);
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

  /** Sums of integers are exact: other tiles and slices change no bit. */
  @Test
  void anyTilesGiveTheSameIntegers() {
    AtomicInteger timings = new AtomicInteger();
    Map<String, float[]> estimated = integers(context -> TileChooser.ESTIMATES);
    Map<String, float[]> tuned = integers(tuner(timings));
    assertThat(timings.get()).isGreaterThan(20);
    assertThat(folder)
        .isDirectoryContaining(
            file -> {
              try {
                return Files.readString(file).contains("u8 product");
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            });
    // The head behind them is float32.
    List<String> ofIntegers =
        estimated.keySet().stream().filter(name -> !TEST.network().output(name).isFlat()).toList();
    assertThat(ofIntegers).isNotEmpty();
    ofIntegers.forEach(name -> assertThat(tuned.get(name)).as(name).isEqualTo(estimated.get(name)));
  }

  private static Map<String, float[]> integers(Function<Context, TileChooser> tiles) {
    try (Engine engine = new CudaEngine(CudaDevice.find(new EngineOptions(0, "softcuda")), tiles);
        Engine reference = Engines.open("reference", new EngineOptions(2, ""))) {
      Parameters parameters = Int8Equality.quantized(reference, TEST, Set.of());
      return Int8Equality.run(engine, Precision.INT8, TEST, parameters, TensorLayout.NCHW);
    }
  }
}
