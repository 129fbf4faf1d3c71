package io.resfuse.cli;

import io.resfuse.data.dataset.Parts;
import io.resfuse.engine.Engine;
import io.resfuse.engine.Precision;
import io.resfuse.model.ResNetVariant;
import io.resfuse.train.RunOptions;
import io.resfuse.train.TrainingListener;
import io.resfuse.train.recipe.TrainingRecipe;
import io.resfuse.train.report.DegradationReport;
import io.resfuse.train.report.DegradationReport.Member;
import io.resfuse.train.run.TrainingRun;
import io.resfuse.train.run.TrainingSetup;
import io.resfuse.weights.format.AtomicFile;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code resfuse study degradation}. */
@Command(
    name = "degradation",
    description =
        "Trains plain and residual networks of several depths with one recipe, and draws their"
            + " errors and the gradients of their layers (He et al. 2015, section 4.2, figure 6).",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Writes study.html, study.json, and a folder per network as 'resfuse train' does. The same"
          + " command with --resume goes on where it was interrupted.",
      "",
      "Example:",
      "  resfuse study degradation --recipe recipes/degradation-fashion-mnist.yaml --to runs/study",
    })
final class DegradationCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private DataChoice dataChoice;

  @Option(
      names = {"-o", "--to"},
      required = true,
      paramLabel = "FOLDER",
      description = "Write everything into this folder (required).")
  private Path folder;

  @Option(
      names = "--depths",
      split = ",",
      paramLabel = "N",
      description = "How many layers the networks have, 6 n + 2 each (default: 20,56).")
  private int[] depths = {20, 56};

  @Mixin private RecipeOptions recipeOptions;

  @Option(names = "--resume", description = "Go on with what is in the folder.")
  private boolean resume;

  @Mixin private EngineChoice engineChoice;

  private volatile boolean stopped;
  private volatile @Nullable TrainingRun running;

  @Override
  public Integer call() {
    Arrays.sort(depths);
    List<ResNetVariant> variants = new ArrayList<>();
    for (boolean residual : new boolean[] {false, true}) {
      for (int depth : depths) {
        variants.add(ResNetVariant.cifar(depth, residual));
      }
    }
    String data = dataChoice.name(recipe(variants.get(0)).data());
    Parts parts = DataChoice.parts(data, recipe(variants.get(0)));
    try (Engine engine = engineChoice.open()) {
      return Interruption.guard(this::stop, () -> study(engine, variants, parts));
    }
  }

  private TrainingRecipe recipe(ResNetVariant variant) {
    Map<String, @Nullable String> more = new HashMap<>();
    more.put("network", variant.name());
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

  private int study(Engine engine, List<ResNetVariant> variants, Parts parts) {
    List<Member> members = new ArrayList<>();
    for (ResNetVariant variant : variants) {
      TrainingRecipe recipe = recipe(variant);
      TrainingSetup setup = TrainingSetup.of(recipe, parts, null, dataChoice.loaderThreads());
      TrainingRun run = train(engine, recipe, setup, variant.name());
      if (run == null) {
        spec.commandLine()
            .getErr()
            .println("resfuse: stopped; the same command with --resume goes on");
        return 1;
      }
      int depth = 2 + 6 * variant.blocks().get(0);
      members.add(new Member(variant.name(), depth, variant.residual(), run.history()));
    }
    DegradationReport report =
        new DegradationReport(recipe(variants.get(0)), parts.training().name(), members);
    AtomicFile.write(folder.resolve("study.html"), report.html());
    AtomicFile.write(folder.resolve("study.json"), report.json() + "\n");
    PrintWriter out = spec.commandLine().getOut();
    out.println(folder.resolve("study.html") + "\n" + folder.resolve("study.json"));
    out.flush();
    return 0;
  }

  /** Trains one; null if it was stopped. */
  private @Nullable TrainingRun train(
      Engine engine, TrainingRecipe recipe, TrainingSetup setup, String name) {
    Precision precision = recipe.precisionOr(engineChoice.precision(engine, Engine.Mode.TRAINING));
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
