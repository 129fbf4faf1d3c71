package io.resfuse.cli;

import io.resfuse.data.dataset.Parts;
import io.resfuse.engine.Engine;
import io.resfuse.engine.Precision;
import io.resfuse.train.RunOptions;
import io.resfuse.train.TrainingListener;
import io.resfuse.train.recipe.TrainingRecipe;
import io.resfuse.train.run.RunHistory;
import io.resfuse.train.run.TrainingRun;
import io.resfuse.train.run.TrainingSetup;
import io.resfuse.weights.format.AtomicFile;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What studies share: networks trained with one recipe, each in a folder of its own. */
final class StudyOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Mixin private DataChoice dataChoice;

  @Option(
      names = {"-o", "--to"},
      required = true,
      paramLabel = "FOLDER",
      description = "Write everything into this folder (required).")
  private Path folder;

  @Mixin private RecipeOptions recipeOptions;

  @Option(names = "--resume", description = "Go on with what is in the folder.")
  private boolean resume;

  @Mixin private EngineChoice engineChoice;

  private volatile boolean stopped;
  private volatile @Nullable TrainingRun running;

  /**
   * A network that was trained.
   *
   * @param setup what it was trained with
   * @param history of its training
   */
  record Trained(TrainingSetup setup, RunHistory history) {}

  /**
   * What a study has found.
   *
   * @param html a page
   * @param json its numbers
   */
  record Pages(String html, String json) {}

  /**
   * Trains networks in their order and writes {@code study.html} and {@code study.json}.
   *
   * @param networks their names
   * @param report of the data's name and the trained networks
   * @return the command's exit code
   */
  int run(List<String> networks, BiFunction<String, List<Trained>, Pages> report) {
    String data = dataChoice.name(recipe(networks.get(0)).data());
    Parts parts = DataChoice.parts(data, recipe(networks.get(0)));
    try (Engine engine = engineChoice.open()) {
      return Interruption.guard(this::stop, () -> study(engine, networks, parts, report));
    }
  }

  private TrainingRecipe recipe(String network) {
    Map<String, @Nullable String> more = new HashMap<>();
    more.put("network", network);
    more.put("precision", engineChoice.askedPrecision());
    return recipeOptions.read(more);
  }

  private void stop() {
    stopped = true;
    TrainingRun run = running;
    if (run != null) {
      run.stop();
    }
  }

  private int study(
      Engine engine,
      List<String> networks,
      Parts parts,
      BiFunction<String, List<Trained>, Pages> report) {
    List<TrainingSetup> setups = new ArrayList<>();
    for (String network : networks) {
      setups.add(TrainingSetup.of(recipe(network), parts, null, dataChoice.loaderThreads()));
    }
    List<Trained> members = new ArrayList<>();
    for (TrainingSetup setup : setups) {
      TrainingRun run = train(engine, setup);
      if (run == null) {
        spec.commandLine()
            .getErr()
            .println("resfuse: stopped; the same command with --resume goes on");
        return 1;
      }
      members.add(new Trained(setup, run.history()));
    }
    Pages pages = report.apply(parts.training().name(), members);
    AtomicFile.write(folder.resolve("study.html"), pages.html());
    AtomicFile.write(folder.resolve("study.json"), pages.json() + "\n");
    PrintWriter out = spec.commandLine().getOut();
    out.println(folder.resolve("study.html") + "\n" + folder.resolve("study.json"));
    out.flush();
    return 0;
  }

  /** Trains one; null if it was stopped. */
  private @Nullable TrainingRun train(Engine engine, TrainingSetup setup) {
    String name = setup.config().name();
    Precision precision =
        setup.recipe().precisionOr(engineChoice.precision(engine, Engine.Mode.TRAINING));
    Path home = folder.resolve(name);
    // What was not begun yet has nothing to resume.
    boolean begun = resume && Files.isDirectory(home.resolve("checkpoints"));
    RunOptions usual = RunOptions.defaults();
    RunOptions options =
        new RunOptions(
            begun, usual.checkpointSteps(), usual.keep(), usual.lookSteps(), usual.mistakes());
    try (TrainingProgress progress = new TrainingProgress(name)) {
      TrainingListener lines = new TrainingLines(spec.commandLine().getOut(), progress::clearLine);
      TrainingRun run =
          new TrainingRun(
              engine, precision, setup, options, home, TrainingListener.all(progress, lines));
      running = run;
      if (stopped) {
        return null;
      }
      return run.run().training().stopped() ? null : run;
    }
  }
}
