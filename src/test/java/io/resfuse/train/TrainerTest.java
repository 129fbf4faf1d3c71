package io.resfuse.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.train.recipe.TrainingRecipe;
import io.resfuse.train.run.TrainingSetup;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainerTest {
  private static final RunOptions OFTEN = new RunOptions(false, 4, 3, 2, 5);
  private static final RunOptions RESUME = new RunOptions(true, 4, 3, 2, 5);

  /** Everything that could leave a trace in the weights. */
  private static final String[] EVERYTHING = {
    "optimizer.nesterov=true",
    "schedule.kind=one-cycle",
    "label_smoothing=0.1",
    "clip_norm=1.5",
    "average.decay=0.9",
    "average.every=1",
    "accumulate=2",
    "augment.padding=1",
    "augment.flip=0.5",
    "augment.mixup=0.2",
    "zero_last_gamma=true"
  };

  @TempDir Path folder;

  /** Stops a trainer when it has made so many steps. */
  private static final class Stopper implements TrainingListener {
    private final long at;
    private Trainer trainer;

    Stopper(long at) {
      this.at = at;
    }

    @Override
    public void progress(long step, double loss, double accuracy) {
      if (step == at) {
        trainer.stop();
      }
    }
  }

  @Test
  void learns() {
    try (Engine engine = TestJobs.engine()) {
      TrainingResult result =
          TestJobs.trainer(
                  engine,
                  TestJobs.recipe("epochs=6"),
                  RunOptions.defaults(),
                  null,
                  TrainingListener.NONE)
              .run();
      assertThat(result.step()).isEqualTo(36);
      assertThat(result.evaluation().score(Measure.TOP1)).isGreaterThan(0.8);
      assertThat(result.evaluation().pictures()).isEqualTo(30);
      assertThat(result.stopped()).isFalse();
    }
  }

  @Test
  void theLoadersThreadsChangeNothing() {
    TrainingRecipe recipe = TestJobs.recipe(EVERYTHING);
    List<Map<String, float[]>> results = new ArrayList<>();
    try (Engine engine = TestJobs.engine()) {
      for (int threads : new int[] {1, 3}) {
        Trainer trainer =
            new Trainer(
                engine,
                TestJobs.setup(recipe, threads).job(),
                Precision.FP32,
                RunOptions.defaults(),
                null,
                TrainingListener.NONE);
        results.add(TestJobs.values(trainer.run().parameters()));
      }
    }
    assertThat(results.get(1)).usingRecursiveComparison().isEqualTo(results.get(0));
  }

  @Test
  void resumesBitForBit() throws IOException {
    for (String kind : List.of("sgd", "adamw")) {
      List<String> settings = new ArrayList<>(List.of(EVERYTHING));
      settings.add("optimizer.kind=" + kind);
      if (!kind.equals("sgd")) {
        settings.add("schedule.learning_rate=0.002");
      }
      TrainingRecipe recipe = TestJobs.recipe(settings.toArray(String[]::new));
      try (Engine engine = TestJobs.engine()) {
        Map<String, float[]> whole =
            TestJobs.values(
                TestJobs.trainer(engine, recipe, OFTEN, null, TrainingListener.NONE)
                    .run()
                    .parameters());
        Path checkpoints = folder.resolve(kind);
        // In the middle of an epoch, at its end, and twice.
        for (long stop : new long[] {2, 3, 7}) {
          Stopper stopper = new Stopper(stop);
          stopper.trainer =
              TestJobs.trainer(engine, recipe, stop == 2 ? OFTEN : RESUME, checkpoints, stopper);
          TrainingResult part = stopper.trainer.run();
          assertThat(part.stopped()).isTrue();
          assertThat(part.step()).isEqualTo(stop);
        }
        TrainingResult result =
            TestJobs.trainer(engine, recipe, RESUME, checkpoints, TrainingListener.NONE).run();
        assertThat(TestJobs.values(result.parameters()))
            .usingRecursiveComparison()
            .isEqualTo(whole);
        try (Stream<Path> files = Files.list(checkpoints)) {
          assertThat(files.map(file -> file.getFileName().toString()))
              .hasSize(4)
              .contains("best.safetensors", "step-000000009.safetensors");
        }
      }
    }
  }

  @Test
  void skipsDamagedCheckpoints() throws IOException {
    TrainingRecipe recipe = TestJobs.recipe();
    List<String> notices = new ArrayList<>();
    List<Long> starts = new ArrayList<>();
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void notice(String line) {
            notices.add(line);
          }

          @Override
          public void started(Start start) {
            starts.add(start.step());
          }
        };
    try (Engine engine = TestJobs.engine()) {
      Map<String, float[]> whole =
          TestJobs.values(
              TestJobs.trainer(engine, recipe, OFTEN, folder, listener).run().parameters());
      Path cutShort = folder.resolve("step-000000018.safetensors");
      try (RandomAccessFile file = new RandomAccessFile(cutShort.toFile(), "rw")) {
        file.setLength(file.length() / 2);
      }
      Path flipped = folder.resolve("step-000000016.safetensors");
      try (RandomAccessFile file = new RandomAccessFile(flipped.toFile(), "rw")) {
        file.seek(file.length() - 1000);
        int value = file.read();
        file.seek(file.length() - 1000);
        file.write(value ^ 1);
      }
      Path half =
          folder.resolve(".step-000000017.safetensors.5c0a1d1e-0000-4000-8000-0123456789ab.tmp");
      Files.writeString(half, "half a checkpoint");
      TrainingResult result = TestJobs.trainer(engine, recipe, RESUME, folder, listener).run();
      assertThat(starts).containsExactly(0L, 12L);
      assertThat(notices).hasSize(2);
      assertThat(notices.get(0)).contains("skipped", "step-000000018", "damaged");
      assertThat(notices.get(1)).contains("skipped", "step-000000016", "checksum");
      assertThat(TestJobs.values(result.parameters())).usingRecursiveComparison().isEqualTo(whole);
      assertThat(half).doesNotExist();
    }
  }

  @Test
  void refusesToMixTrainings() {
    try (Engine engine = TestJobs.engine()) {
      TestJobs.trainer(engine, TestJobs.recipe("epochs=1"), OFTEN, folder, TrainingListener.NONE)
          .run();
      Trainer again =
          TestJobs.trainer(
              engine, TestJobs.recipe("epochs=1"), OFTEN, folder, TrainingListener.NONE);
      assertThatThrownBy(again::run)
          .isInstanceOf(TrainingException.class)
          .hasMessageContaining("there are checkpoints of an earlier training");
      Trainer other =
          TestJobs.trainer(
              engine, TestJobs.recipe("epochs=2"), RESUME, folder, TrainingListener.NONE);
      assertThatThrownBy(other::run)
          .isInstanceOf(TrainingException.class)
          .hasMessageContaining("epochs: 1 -> 2");
    }
  }

  @Test
  void accumulatedGradientsAreAveraged() {
    List<Double> norms = new ArrayList<>();
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void step(Step step) {
            norms.add(step.gradientNorm());
            double sum = step.stageNorms().values().stream().mapToDouble(n -> n * n).sum();
            assertThat(Math.sqrt(sum)).isCloseTo(step.gradientNorm(), within(1e-5));
          }
        };
    // Two batches with the same pictures: their mean gradient is that of one.
    try (Engine engine = TestJobs.engine()) {
      for (String accumulate : List.of("1", "2")) {
        TrainingRecipe recipe = TestJobs.recipe("epochs=1", "accumulate=" + accumulate);
        TrainingJob job = TestJobs.setup(recipe, 1).job();
        TrainingJob repeated =
            new TrainingJob(
                recipe,
                job.network(),
                job.initial(),
                job.frozen(),
                new Repeated(job.training()),
                job.evaluation(),
                8,
                8,
                job.classes());
        new Trainer(
                engine,
                repeated,
                Precision.FP32,
                new RunOptions(false, 0, 1, 100, 0),
                null,
                listener)
            .run();
      }
    }
    assertThat(norms).hasSize(2);
    assertThat(norms.get(1)).isCloseTo(norms.get(0), within(1e-5));
  }

  /** Gives the first batch again and again. */
  private record Repeated(BatchSource source) implements BatchSource {
    @Override
    public int batchSize() {
      return source.batchSize();
    }

    @Override
    public int batchesPerEpoch() {
      return 2;
    }

    @Override
    public int pictures() {
      return source.pictures();
    }

    @Override
    public BatchStream open(int epoch, int firstBatch) {
      BatchStream stream = source.open(0, 0);
      stream.advance();
      return new SameBatch(stream);
    }
  }

  private record SameBatch(BatchStream first) implements BatchStream {
    @Override
    public boolean advance() {
      return true;
    }

    @Override
    public java.nio.FloatBuffer images() {
      return first.images();
    }

    @Override
    public int[] labels() {
      return first.labels();
    }

    @Override
    public int[] samples() {
      return first.samples();
    }

    @Override
    public java.nio.FloatBuffer targets() {
      return first.targets();
    }

    @Override
    public long unreadable() {
      return 0;
    }

    @Override
    public double waitedShare() {
      return 0;
    }

    @Override
    public void close() {
      first.close();
    }
  }

  @Test
  void stopsEarlyWithTheBest() {
    TrainingRecipe recipe =
        TestJobs.recipe(
            "epochs=40", "early_stop.patience=2", "validation=9", "schedule.learning_rate=0.02");
    List<Double> accuracies = new ArrayList<>();
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void epoch(Epoch epoch) {
            accuracies.add(epoch.evaluation().score(Measure.TOP1));
          }
        };
    try (Engine engine = TestJobs.engine()) {
      TrainingSetup setup = TestJobs.setup(recipe, 1);
      TrainingResult result =
          new Trainer(engine, setup.job(), Precision.FP32, OFTEN, folder, listener).run();
      assertThat(accuracies.size()).isLessThan(40);
      double best = accuracies.stream().mapToDouble(a -> a).max().orElseThrow();
      assertThat(accuracies.subList(accuracies.size() - 2, accuracies.size()))
          .allMatch(a -> a <= best);
      Evaluation again =
          new Evaluator(engine, setup.network(), setup.validationBatches(), 8, 8, Precision.FP32, 0)
              .evaluate(result.parameters());
      assertThat(again.pictures()).isEqualTo(9);
      assertThat(again.score(Measure.TOP1)).isEqualTo(best);
    }
  }

  @Test
  void saysWhereItDiverged() {
    try (Engine engine = TestJobs.engine()) {
      Trainer trainer =
          TestJobs.trainer(
              engine,
              TestJobs.recipe("schedule.learning_rate=1e30", "schedule.kind=constant"),
              OFTEN,
              null,
              TrainingListener.NONE);
      assertThatThrownBy(trainer::run)
          .isInstanceOf(TrainingException.class)
          .hasMessageMatching("step \\d+ \\(epoch 1\\): the loss is NaN; lower the learning.*");
    }
  }

  @Test
  void halfPrecisionScalesItsLoss() {
    List<Double> scales = new ArrayList<>();
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void step(Step step) {
            scales.add(step.lossScale());
          }
        };
    TrainingRecipe recipe = TestJobs.recipe("epochs=1", "batch=4", "per_class=4");
    try (Engine engine = Engines.open("reference", new EngineOptions(1, ""))) {
      TrainingJob job = TestJobs.setup(recipe, 1).job();
      Parameters scaled =
          new Trainer(engine, job, Precision.FP16, RunOptions.defaults(), null, listener)
              .run()
              .parameters();
      Parameters plain =
          new Trainer(engine, job, Precision.FP32, RunOptions.defaults(), null, listener)
              .run()
              .parameters();
      assertThat(scales.get(0)).isEqualTo(65536);
      assertThat(scales.get(scales.size() - 1)).isEqualTo(1);
      for (String name : List.of("conv1.weight", "fc.weight")) {
        float[] a = scaled.get(name).toArray();
        float[] b = plain.get(name).toArray();
        for (int i = 0; i < a.length; i++) {
          assertThat(a[i]).isCloseTo(b[i], within(0.05f));
        }
      }
    }
  }
}
