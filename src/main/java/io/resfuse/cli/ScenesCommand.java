package io.resfuse.cli;

import io.resfuse.data.dataset.Split;
import io.resfuse.data.scene.SceneWriter;
import io.resfuse.data.scene.Scenes;
import io.resfuse.platform.FileNames;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code resfuse scenes}. */
@Command(
    name = "scenes",
    description =
        "Composes pictures of several garments from Fashion-MNIST, with a class for each pixel and"
            + " a box around each garment: data for segmentation and detection.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "The folder gets pictures/*.png, masks/*.png (palette index = class, 0 the background),"
          + " classes.txt with the masks' classes, and annotations.json in COCO's form. The same"
          + " options give the same files.",
      "",
      "Examples:",
      "  resfuse scenes --output scenes/train --count 2000",
      "  resfuse scenes --output scenes/test --count 500 --split test",
    })
final class ScenesCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = {"-o", "--output"},
      required = true,
      paramLabel = "FOLDER",
      description = "Write to this folder, which is made or empty (required).")
  private Path output;

  @Option(
      names = "--count",
      paramLabel = "N",
      description = "How many scenes (default: ${DEFAULT-VALUE}).")
  private int count = 1000;

  @Option(
      names = "--size",
      paramLabel = "PIXELS",
      description = "Width and height of each (default: ${DEFAULT-VALUE}).")
  private int size = 128;

  @Option(
      names = "--seed",
      paramLabel = "S",
      description = "Other seeds give other scenes (default: ${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--split",
      paramLabel = "PART",
      description =
          "Which part of the garments: train or test (default: ${DEFAULT-VALUE}). Scenes of the two"
              + " have no garment in common.")
  private Split split = Split.TRAIN;

  @Option(
      names = "--data",
      paramLabel = "FOLDER|NAME",
      description =
          "Where the garments are: fashion-mnist, or a folder as --data of 'resfuse train' takes"
              + " it, of grey pictures of one object on black (default: ${DEFAULT-VALUE}).")
  private String data = "fashion-mnist";

  @Override
  public Integer call() {
    Scenes scenes = new Scenes(DataChoice.open(data, split), count, seed, size);
    long start = System.nanoTime();
    try (Progress progress = new Progress("scenes")) {
      SceneWriter.write(scenes, output, done -> progress.pictures(done, count));
    }
    spec.commandLine()
        .getOut()
        .println(
            String.format(
                Locale.ROOT,
                "%s: %,d scenes of %d x %d pixels, in %.1f s",
                FileNames.shown(output),
                count,
                size,
                size,
                (System.nanoTime() - start) / 1e9));
    spec.commandLine().getOut().flush();
    return 0;
  }
}
