package io.resfuse.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Processes;
import io.resfuse.engine.spi.DeviceGroup;
import io.resfuse.train.recipe.TrainingRecipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
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

  /** What a training shows besides the weights. */
  private static final class Numbers implements TrainingListener {
    final List<Object> seen = new ArrayList<>();

    @Override
    public void epoch(Epoch epoch) {
      seen.addAll(
          List.of(
              epoch.step(), epoch.trainingLoss(), epoch.trainingAccuracy(), epoch.unreadable()));
      Evaluation evaluation = epoch.evaluation();
      seen.addAll(
          List.of(
              evaluation.pictures(),
              evaluation.loss(),
              evaluation.score(Measure.TOP1),
              evaluation.score(Measure.TOP5),
              evaluation.confusion().count(1, 2)));
    }
  }

  /** Pictures are mixed with those of other processes; evaluations have 4 batches. */
  @Test
  void processesChangeNothing() {
    Numbers numbers = new Numbers();
    Map<String, float[]> one;
    try (Engine engine = devices(1)) {
      one =
          TestJobs.values(
              TestJobs.trainer(engine, RECIPE, RunOptions.defaults(), null, numbers)
                  .run()
                  .parameters());
    }
    for (int count : new int[] {2, 4}) {
      Processes.run(
          count,
          processes -> {
            Numbers own = new Numbers();
            try (Engine engine = devices(1)) {
              TrainingResult result =
                  TestJobs.trainer(engine, RECIPE, RunOptions.defaults(), null, own, processes)
                      .run();
              assertThat(TestJobs.values(result.parameters()))
                  .usingRecursiveComparison()
                  .isEqualTo(one);
              assertThat(own.seen).isEqualTo(numbers.seen);
            }
            return true;
          });
    }
  }

  /** One process of two asks for the end: both end after the same step. Four go on, then one. */
  @Test
  void resumesInOtherProcesses() throws IOException {
    Map<String, float[]> undisturbed = whole(1);
    stopAt(2, 2, false);
    stopAt(4, 4, true);
    try (Engine engine = devices(1)) {
      TrainingResult result =
          TestJobs.trainer(
                  engine,
                  RECIPE,
                  new RunOptions(true, 1, 3, 2, 5),
                  folder.resolve("0"),
                  TrainingListener.NONE)
              .run();
      assertThat(TestJobs.values(result.parameters()))
          .usingRecursiveComparison()
          .isEqualTo(undisturbed);
    }
  }

  private void stopAt(long at, int count, boolean resume) throws IOException {
    Path first = folder.resolve("0");
    for (int rank = 1; rank < count; rank++) {
      Path other = Files.createDirectories(folder.resolve("" + rank));
      try (Stream<Path> old = Files.list(other)) {
        for (Path file : old.toList()) {
          Files.delete(file);
        }
      }
      if (resume) {
        try (Stream<Path> files = Files.list(first)) {
          for (Path file : files.toList()) {
            Files.copy(file, other.resolve(file.getFileName()));
          }
        }
      }
    }
    List<String> given = names(folder.resolve("1"));
    List<Long> steps =
        Processes.run(
            count,
            processes -> {
              Trainer[] trainer = new Trainer[1];
              TrainingListener stopper =
                  new TrainingListener() {
                    @Override
                    public void progress(long step, double loss, double accuracy) {
                      if (step == at && processes.rank() == 1) {
                        trainer[0].stop();
                      }
                    }
                  };
              try (Engine engine = devices(1)) {
                trainer[0] =
                    TestJobs.trainer(
                        engine,
                        RECIPE,
                        new RunOptions(resume, 1, 3, 2, 5),
                        folder.resolve("" + processes.rank()),
                        stopper,
                        processes);
                TrainingResult result = trainer[0].run();
                assertThat(result.stopped()).isTrue();
                return result.step();
              }
            });
    assertThat(steps).containsOnly(at + 1);
    // The first alone writes checkpoints; the others have those that they were given.
    assertThat(names(folder.resolve("1"))).isEqualTo(given);
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void processesMustBeginAtTheSameStep() throws IOException {
    stopAt(2, 2, false);
    Files.createDirectories(folder.resolve("other"));
    assertThatThrownBy(
            () ->
                Processes.run(
                    2,
                    processes -> {
                      try (Engine engine = devices(1)) {
                        return TestJobs.trainer(
                                engine,
                                RECIPE,
                                new RunOptions(true, 1, 3, 2, 5),
                                folder.resolve(processes.rank() == 0 ? "0" : "other"),
                                TrainingListener.NONE,
                                processes)
                            .run();
                      }
                    }))
        .hasMessageContaining(
            "process 0 begins at the checkpoint of step 3, process 1 at that of step -1");
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
