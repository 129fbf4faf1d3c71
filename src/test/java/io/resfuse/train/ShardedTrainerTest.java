package io.resfuse.train;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.spi.DeviceGroup;
import io.resfuse.train.recipe.TrainingRecipe;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A training in shards, by the loop that 'resfuse train' runs. */
class ShardedTrainerTest {
  private static final TrainingRecipe RECIPE =
      TestJobs.recipe(
          "shards=4",
          "epochs=2",
          "optimizer.nesterov=true",
          "label_smoothing=0.1",
          "clip_norm=1.5",
          "average.decay=0.9",
          "average.every=1",
          "accumulate=2",
          "augment.flip=0.5",
          "augment.mixup=0.2");

  @TempDir Path folder;

  private static Engine devices(int count) {
    List<Engine> engines = new ArrayList<>();
    for (int d = 0; d < count; d++) {
      engines.add(Engines.open("onednn", new EngineOptions(1, "")));
    }
    return new DeviceGroup(engines);
  }

  private static Map<String, float[]> whole(int devices) {
    try (Engine engine = devices(devices)) {
      return TestJobs.values(
          TestJobs.trainer(engine, RECIPE, RunOptions.defaults(), null, TrainingListener.NONE)
              .run()
              .parameters());
    }
  }

  @Test
  void devicesChangeNothingAndShardsDo() {
    Map<String, float[]> one = whole(1);
    assertThat(whole(2)).usingRecursiveComparison().isEqualTo(one);
    assertThat(whole(4)).usingRecursiveComparison().isEqualTo(one);
    try (Engine engine = devices(1)) {
      Map<String, float[]> unsharded =
          TestJobs.values(
              TestJobs.trainer(
                      engine,
                      TestJobs.recipe("epochs=1"),
                      RunOptions.defaults(),
                      null,
                      TrainingListener.NONE)
                  .run()
                  .parameters());
      assertThat(unsharded.get("fc.weight")).isNotEqualTo(one.get("fc.weight"));
    }
  }

  /** Stopped on four devices, it goes on on one, and then on two. */
  @Test
  void resumesOnOtherDevices() {
    Map<String, float[]> undisturbed = whole(1);
    RunOptions again = new RunOptions(true, 1, 3, 2, 5);
    stopAt(2, 4, new RunOptions(false, 1, 3, 2, 5));
    stopAt(4, 1, again);
    try (Engine engine = devices(2)) {
      TrainingResult result =
          TestJobs.trainer(engine, RECIPE, again, folder, TrainingListener.NONE).run();
      assertThat(TestJobs.values(result.parameters()))
          .usingRecursiveComparison()
          .isEqualTo(undisturbed);
    }
  }

  private void stopAt(long at, int devices, RunOptions options) {
    Trainer[] trainer = new Trainer[1];
    TrainingListener stopper =
        new TrainingListener() {
          @Override
          public void progress(long step, double loss, double accuracy) {
            if (step == at) {
              trainer[0].stop();
            }
          }
        };
    try (Engine engine = devices(devices)) {
      trainer[0] = TestJobs.trainer(engine, RECIPE, options, folder, stopper);
      assertThat(trainer[0].run().stopped()).isTrue();
    }
  }
}
