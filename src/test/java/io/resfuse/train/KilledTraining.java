package io.resfuse.train;

import io.resfuse.engine.Engine;
import io.resfuse.engine.Precision;
import io.resfuse.train.recipe.TrainingRecipe;
import io.resfuse.train.run.TrainingRun;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The process that {@link KillTest} kills: trains in a folder, and notes when it has saved what.
 */
final class KilledTraining {
  private KilledTraining() {}

  public static void main(String[] arguments) {
    run(Path.of(arguments[0]), Boolean.parseBoolean(arguments[1]));
  }

  static void run(Path folder, boolean resume) {
    TrainingRecipe recipe =
        TestJobs.recipe(
            "epochs=12", "average.decay=0.9", "average.every=1", "schedule.kind=one-cycle");
    try (Engine engine = TestJobs.engine()) {
      new TrainingRun(
              engine,
              Precision.FP32,
              TestJobs.setup(recipe, 2),
              new RunOptions(resume, 4, 3, 5, 5),
              folder,
              new Notes(folder))
          .run();
    }
  }

  /** Lines "start STEP" and "saved STEP". */
  private record Notes(Path folder) implements TrainingListener {
    @Override
    public void started(Start start) {
      note("start " + start.step());
    }

    @Override
    public void checkpoint(Path file, long step) {
      note("saved " + step);
    }

    private void note(String line) {
      try {
        Files.writeString(
            folder.resolve("notes"),
            line + "\n",
            StandardCharsets.UTF_8,
            StandardOpenOption.CREATE,
            StandardOpenOption.APPEND);
      } catch (java.io.IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }
  }
}
