package io.resfuse.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.resfuse.engine.Communicator;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Processes;
import io.resfuse.train.recipe.TrainingRecipe;
import io.resfuse.train.run.TrainingSetup;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Networks that give each pixel a class, by the loop that trains all others. */
class SegmentationTrainerTest {
  /** What could leave a trace in the weights, and moves maps. */
  private static final String[] EVERYTHING = {
    "optimizer.nesterov=true",
    "label_smoothing=0.05",
    "clip_norm=1.5",
    "average.decay=0.9",
    "average.every=1",
    "accumulate=2",
    "augment.scale=1.5",
    "augment.flip=0.5"
  };

  @TempDir Path folder;

  private static TrainingRecipe recipe(String... settings) {
    List<String> all = new ArrayList<>(List.of("network=fcn_resnet8", "preprocessing=cifar@16:16"));
    all.addAll(List.of(settings));
    return TestJobs.recipe(all.toArray(String[]::new));
  }

  private static TrainingSetup setup(TrainingRecipe recipe, int loaderThreads) {
    return TrainingSetup.of(
        recipe, new Squares16(51, 1), new Squares16(30, 2), null, loaderThreads);
  }

  private static Engine engine() {
    return Engines.open("onednn", new EngineOptions(1, ""));
  }

  private static Trainer trainer(
      Engine engine, TrainingRecipe recipe, @Nullable Path folder, TrainingListener listener) {
    return new Trainer(
        engine,
        setup(recipe, 1).job(),
        Precision.FP32,
        new RunOptions(folder != null && folder.toFile().exists(), 4, 3, 2, 5),
        folder,
        listener);
  }

  @Test
  void learns() {
    try (Engine engine = engine()) {
      List<Double> scores = new ArrayList<>();
      List<Boolean> best = new ArrayList<>();
      TrainingListener listener =
          new TrainingListener() {
            @Override
            public void epoch(Epoch epoch) {
              scores.add(epoch.evaluation().score(Measure.MEAN_IOU));
              best.add(epoch.best());
              assertThat(epoch.trainingAccuracy()).isBetween(0.0, 1.0);
            }
          };
      TrainingResult result = trainer(engine, recipe("epochs=8"), null, listener).run();
      Evaluation evaluation = result.evaluation();
      assertThat(evaluation.mainMeasure()).isEqualTo(Measure.MEAN_IOU);
      assertThat(evaluation.mainScore()).isGreaterThan(0.7);
      assertThat(evaluation.score(Measure.PIXEL_ACCURACY)).isGreaterThan(0.9);
      assertThat(evaluation.pictures()).isEqualTo(30);
      // The row without a class does not count.
      assertThat(
              evaluation.confusion().of(0)
                  + evaluation.confusion().of(1)
                  + evaluation.confusion().of(2))
          .isEqualTo(30 * 15 * 16);
      assertThat(evaluation.classScores()).hasSize(3);
      assertThat(evaluation.classScores().stream().mapToDouble(d -> d).average().orElseThrow())
          .isCloseTo(evaluation.mainScore(), within(1e-12));
      double highest = -1;
      for (int i = 0; i < scores.size(); i++) {
        assertThat(best.get(i)).isEqualTo(scores.get(i) > highest);
        highest = Math.max(highest, scores.get(i));
      }
    }
  }

  @Test
  void resumesBitForBitWhateverTheLoadersThreads() {
    TrainingRecipe recipe = recipe(EVERYTHING);
    try (Engine engine = engine()) {
      Map<String, float[]> whole =
          TestJobs.values(
              new Trainer(
                      engine,
                      setup(recipe, 3).job(),
                      Precision.FP32,
                      RunOptions.defaults(),
                      null,
                      TrainingListener.NONE)
                  .run()
                  .parameters());
      Path checkpoints = folder.resolve("checkpoints");
      // In the middle of an epoch, and at its end.
      for (long stop : new long[] {2, 6}) {
        Trainer[] running = new Trainer[1];
        List<Double> accuracies = new ArrayList<>();
        running[0] =
            trainer(
                engine,
                recipe,
                checkpoints,
                new TrainingListener() {
                  @Override
                  public void progress(long step, double loss, double accuracy) {
                    accuracies.add(accuracy);
                    if (step == stop) {
                      running[0].stop();
                    }
                  }
                });
        assertThat(running[0].run().stopped()).isTrue();
        assertThat(accuracies).allMatch(accuracy -> accuracy > 0 && accuracy <= 1);
      }
      TrainingResult result = trainer(engine, recipe, checkpoints, TrainingListener.NONE).run();
      assertThat(TestJobs.values(result.parameters())).usingRecursiveComparison().isEqualTo(whole);
    }
  }

  /** The loss of a step that changes nothing grows with the weight, by the auxiliary head's. */
  @Test
  void theAuxiliaryHeadsLossIsWeighted() {
    List<Double> losses = new ArrayList<>();
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void epoch(Epoch epoch) {
            losses.add(epoch.trainingLoss());
          }
        };
    try (Engine engine = engine()) {
      for (String weight : List.of("0.5", "1", "2")) {
        TrainingRecipe recipe =
            recipe("epochs=1", "schedule.learning_rate=1e-30", "auxiliary_weight=" + weight);
        trainer(engine, recipe, null, listener).run();
      }
    }
    double auxiliary = losses.get(2) - losses.get(1);
    // Of fresh weights it is about ln(3).
    assertThat(auxiliary).isBetween(0.3, 3.0);
    assertThat(losses.get(1) - losses.get(0)).isCloseTo(auxiliary / 2, within(1e-6));
    assertThat(setup(recipe("auxiliary_weight=0"), 1).network().outputs()).doesNotContainKey("aux");
  }

  @Test
  void processesChangeNothing() {
    TrainingRecipe recipe = recipe("epochs=1", "shards=2");
    List<Object> alone = run(recipe, Communicator.ALONE);
    Processes.run(
        2,
        processes -> {
          assertThat(run(recipe, processes)).usingRecursiveComparison().isEqualTo(alone);
          return true;
        });
  }

  private static List<Object> run(TrainingRecipe recipe, Communicator processes) {
    try (Engine engine = engine()) {
      TrainingResult result =
          new Trainer(
                  engine,
                  setup(recipe, 1).job(processes),
                  Precision.FP32,
                  RunOptions.defaults(),
                  null,
                  TrainingListener.NONE)
              .run();
      Evaluation evaluation = result.evaluation();
      return List.of(
          TestJobs.values(result.parameters()),
          evaluation.loss(),
          evaluation.scores(),
          evaluation.confusion().toString());
    }
  }

  @Test
  void picturesWithMapsCannotBeMixed() {
    TrainingSetup setup = setup(recipe("augment.mixup=0.2"), 1);
    assertThatThrownBy(setup::job)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("squares 1: pictures with maps or boxes cannot be mixed");
  }
}
