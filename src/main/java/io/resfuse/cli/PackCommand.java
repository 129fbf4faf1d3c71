package io.resfuse.cli;

import io.resfuse.data.dataset.Dataset;
import io.resfuse.data.dataset.DatasetPacker;
import io.resfuse.data.dataset.Parts;
import io.resfuse.data.dataset.Split;
import io.resfuse.platform.FileNames;
import io.resfuse.train.recipe.TrainingRecipe;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code resfuse pack}. */
@Command(
    name = "pack",
    description =
        "Decodes and shrinks a data set once, into one file that --data takes, for a loader that is"
            + " several times as fast.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Of a folder of pictures per class without a test part, or a list, it holds out what 'resfuse train'"
          + " would by its defaults; --split train takes all.",
      "",
      "Pictures that cannot be read are named on standard error, left out and counted; the exit"
          + " code is 0 all the same.",
      "",
      "Examples:",
      "  resfuse pack pictures -o pictures.pack",
      "  resfuse train --data pictures.pack --network resnet18 --to runs/mine",
    })
final class PackCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "FOLDER|NAME",
      description = "The data set: whatever --data of 'resfuse train' takes.")
  private String source;

  @Option(
      names = {"-o", "--to"},
      required = true,
      paramLabel = "FILE",
      description = "Write this file (required).")
  private Path file;

  @Option(
      names = "--shorter-side",
      paramLabel = "PIXELS",
      description =
          "Shrink pictures whose shorter side is longer than this (default: ${DEFAULT-VALUE}, as"
              + " evaluation at 224 x 224 does it); 0 leaves all as they are.")
  private int shorterSide = 256;

  @Option(
      names = "--split",
      paramLabel = "PART",
      description = "Pack only this part: train or test (default: both).")
  private @Nullable Split split;

  @Option(
      names = "--loader-threads",
      paramLabel = "N",
      description = "How many threads decode pictures (default: ${DEFAULT-VALUE}).")
  private int threads = 2;

  @Mixin private DecodeOption decodeOption;

  @Override
  public Integer call() {
    if (shorterSide < 0) {
      throw new ParameterException(spec.commandLine(), "--shorter-side must be at least 0.");
    }
    DataChoice.requireThreads(threads);
    OutputFiles.requireOther(file, FileNames.path(source));
    Dataset training;
    Dataset test;
    if (split == null) {
      Parts parts = DataChoice.parts(source, TrainingRecipe.defaults());
      training = parts.training();
      test = parts.test();
    } else {
      training = split == Split.TRAIN ? DataChoice.open(source, split) : null;
      test = split == Split.TEST ? DataChoice.open(source, split) : null;
    }
    long start = System.nanoTime();
    DatasetPacker.Result result;
    try (Progress progress = new Progress("pack")) {
      result =
          new DatasetPacker(shorterSide, threads, decodeOption.decoding(), progress::pictures)
              .pack(training, test, file);
    }
    spec.commandLine()
        .getOut()
        .println(
            String.format(
                Locale.ROOT,
                "%s: %,d training and %,d test pictures, %,d MiB, in %.1f s",
                FileNames.shown(file),
                result.training(),
                result.test(),
                result.bytes() >> 20,
                (System.nanoTime() - start) / 1e9));
    if (result.unreadable() > 0) {
      spec.commandLine().getOut().println("unreadable pictures left out: " + result.unreadable());
    }
    spec.commandLine().getOut().flush();
    return 0;
  }
}
