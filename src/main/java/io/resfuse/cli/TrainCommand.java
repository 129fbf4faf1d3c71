package io.resfuse.cli;

import io.resfuse.data.dataset.MapDatasets;
import io.resfuse.data.dataset.Split;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.engine.Engine;
import io.resfuse.engine.Precision;
import io.resfuse.platform.FileNames;
import io.resfuse.platform.Printable;
import io.resfuse.train.Evaluation;
import io.resfuse.train.RunOptions;
import io.resfuse.train.TrainingListener;
import io.resfuse.train.recipe.TrainingRecipe;
import io.resfuse.train.report.TrainingReport;
import io.resfuse.train.run.MetricsLog;
import io.resfuse.train.run.TrainingRun;
import io.resfuse.train.run.TrainingSetup;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.format.AtomicFile;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code resfuse train}. */
@Command(
    name = "train",
    description = "Trains a network on pictures.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Writes into the folder: model.safetensors (for --weights of 'resfuse classify' or 'segment'), report.html,"
          + " metrics.jsonl, evaluation.json, recipe.json, checkpoints/; and split.csv where the data has"
          + " no test part: what was held out, for 'resfuse evaluate --data'.",
      "",
      "Interrupted with Ctrl-C, it saves a checkpoint; killed, it loses the steps since the last"
          + " one. In both cases the same command with --resume goes on, to the same weights bit for bit.",
      "",
      "Examples:",
      "  resfuse train --recipe recipes/fashion-mnist-resnet20.yaml --to runs/fashion",
      "  resfuse train --data pictures --network resnet18 --epochs 30 --to runs/mine",
      "  resfuse train --data scenes --network fcn_resnet20 --set preprocessing=cifar@128:128 --to"
          + " runs/scenes",
      "  resfuse train --data pictures --weights resnet50-imagenet --freeze backbone --to"
          + " runs/head",
    })
final class TrainCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private DataChoice dataChoice;

  @Option(
      names = {"-o", "--to"},
      required = true,
      paramLabel = "FOLDER",
      description = "Write everything into this folder (required).")
  private Path folder;

  @Option(
      names = "--network",
      paramLabel = "NAME",
      description =
          "Train this network: resnet18, resnet20, fcn_resnet20, ...; 'resfuse summary' lists them. fcn_ and"
              + " deeplabv3_ before a ResNet's name give each pixel a class.")
  private @Nullable String network;

  @Option(
      names = "--weights",
      paramLabel = "FILE|NAME",
      description =
          "Begin with the backbone of a trained network: a file, or a model that 'resfuse weights"
              + " fetch' knows. The network is then the file's, with a new head; with --network"
              + " fcn_RESNET or deeplabv3_RESNET, that on the file's ResNet.")
  private @Nullable String weights;

  @Mixin private RecipeOptions recipeOptions;

  @Option(
      names = "--freeze",
      paramLabel = "STAGES",
      description =
          "Leave these stages as they are: backbone, or stem,layer1,... With the whole backbone"
              + " frozen and no augmentation, its features are computed once.")
  private @Nullable String freeze;

  @Option(names = "--resume", description = "Go on from the newest whole checkpoint in the folder.")
  private boolean resume;

  @Option(
      names = "--checkpoint-every",
      paramLabel = "STEPS",
      description =
          "Keep a checkpoint every so many steps, besides those at the ends of epochs (default:"
              + " none).")
  private int checkpointSteps;

  @Option(
      names = "--keep",
      paramLabel = "N",
      description = "How many checkpoints to keep besides the best (default: ${DEFAULT-VALUE}).")
  private int keep = 3;

  @Option(
      names = "--look-every",
      paramLabel = "STEPS",
      description = "How many steps lie between two lines of metrics (default: ${DEFAULT-VALUE}).")
  private int lookSteps = 20;

  @Option(names = "--json", description = "Print the metrics as JSON lines.")
  private boolean json;

  @Mixin private EngineChoice engineChoice;

  @Override
  public Integer call() {
    if (checkpointSteps < 0 || keep < 1 || lookSteps < 1) {
      throw new ParameterException(
          spec.commandLine(),
          "--keep and --look-every must be at least 1, --checkpoint-every at least 0.");
    }
    TrainingRecipe recipe = recipe();
    TrainingSetup setup = setup(recipe);
    RunOptions options = new RunOptions(resume, checkpointSteps, keep, lookSteps, 36);
    try (Engine engine = engineChoice.open()) {
      Precision precision =
          recipe.precisionOr(engineChoice.precision(engine, Engine.Mode.TRAINING));
      TrainingRun run;
      TrainingRun.Outcome outcome;
      try (TrainingProgress progress = new TrainingProgress("train")) {
        PrintWriter out = spec.commandLine().getOut();
        TrainingListener lines =
            json ? new MetricsLog(out) : new TrainingLines(out, progress::clearLine);
        TrainingListener all = TrainingListener.all(progress, lines);
        run = new TrainingRun(engine, precision, setup, options, folder, all);
        outcome = Interruption.guard(run::stop, run::run);
      }
      return finish(outcome, run, setup, recipe);
    }
  }

  private TrainingRecipe recipe() {
    Map<String, @Nullable String> more = new LinkedHashMap<>();
    more.put("network", network);
    more.put("precision", engineChoice.askedPrecision());
    more.put("transfer.weights", weights);
    more.put("transfer.freeze", freeze == null ? null : "[" + freeze + "]");
    return recipeOptions.read(more);
  }

  private TrainingSetup setup(TrainingRecipe recipe) {
    String name = dataChoice.name(recipe.data());
    boolean hasMaps = DataChoice.hasMaps(name);
    ModelFile pretrained =
        recipe.transfer().weights().isEmpty()
            ? null
            : ModelChoice.openWithoutOptions(recipe.transfer().weights());
    int threads = dataChoice.loaderThreads();
    if (hasMaps) {
      Path path = FileNames.path(name);
      ImageDecoder decoder = new ImageDecoder();
      return TrainingSetup.of(
          recipe,
          MapDatasets.openPart(path, Split.TRAIN, decoder),
          MapDatasets.openPart(path, Split.TEST, decoder),
          pretrained,
          threads);
    }
    return TrainingSetup.of(recipe, DataChoice.parts(name, recipe), pretrained, threads);
  }

  private int finish(
      TrainingRun.Outcome outcome, TrainingRun run, TrainingSetup setup, TrainingRecipe recipe) {
    PrintWriter out = spec.commandLine().getOut();
    Evaluation test = outcome.test();
    if (test == null) {
      spec.commandLine()
          .getErr()
          .println(
              "resfuse: stopped at step "
                  + outcome.training().step()
                  + "; the same command with --resume goes on");
      return 1;
    }
    Path report = folder.resolve("report.html");
    String data = setup.training().name();
    AtomicFile.write(report, TrainingReport.html(recipe, run.history(), data, test, setup.test()));
    if (json) {
      out.println(MetricsLog.toJson(test, setup.test().classes()).put("event", "test"));
    } else {
      out.print(TrainingLines.test(outcome.training(), test));
      out.println(Printable.of(String.valueOf(outcome.model())));
      out.println(FileNames.shown(report));
    }
    out.flush();
    return 0;
  }
}
