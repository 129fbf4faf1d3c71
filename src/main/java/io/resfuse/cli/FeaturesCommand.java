package io.resfuse.cli;

import io.resfuse.Model;
import io.resfuse.cli.PictureInputs.Input;
import io.resfuse.data.DataException;
import io.resfuse.data.dataset.Npy;
import io.resfuse.data.image.Image;
import io.resfuse.engine.Engine;
import io.resfuse.platform.FileNames;
import io.resfuse.tensor.HostTensor;
import io.resfuse.weights.ModelFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code resfuse features}. */
@Command(
    name = "features",
    description = "Writes what a network makes of pictures, at its stages, as .npy files.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Writes NAME.OUTPUT.npy for each picture and output, NAME being the picture's path below"
          + " INPUT, or its file's name: float32, batch x channels x height x width, or batch x"
          + " channels. An input that ends in .npy is taken as a batch that is"
          + " preprocessed already."
    })
final class FeaturesCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      arity = "1..*",
      paramLabel = "INPUT",
      description = "A picture, a folder, - for standard input, or a .npy file.")
  private List<String> arguments;

  @Mixin private ModelChoice modelChoice;

  @Option(
      names = "--outputs",
      split = ",",
      paramLabel = "OUTPUT",
      description =
          "What to write: c2, c3, c4, c5, pooled, logits (default: the stages, c2 to c5; of a"
              + " VGG c1 to c5).")
  private Set<String> outputs;

  @Option(
      names = {"-o", "--to"},
      paramLabel = "FOLDER",
      description = "Write the files into this folder (default: the current one).")
  private Path folder = Path.of("");

  @Mixin private EngineChoice engineChoice;

  @Override
  public Integer call() throws IOException {
    PictureInputs inputs = new PictureInputs();
    List<Input> all = inputs.expand(arguments);
    List<String> targets = PictureInputs.outputNames(all);
    boolean failed = false;
    PrintWriter out = spec.commandLine().getOut();
    try (Opened opened = Opened.of(modelChoice, engineChoice);
        Model model = load(opened.engine(), opened.file())) {
      Set<String> wanted = outputs == null ? stages(opened.file()) : outputs;
      wanted.forEach(opened.file().network()::output);
      Files.createDirectories(folder.toAbsolutePath());
      for (int i = 0; i < all.size(); i++) {
        Map<String, HostTensor> results;
        try {
          results = run(model, inputs, all.get(i), wanted);
        } catch (DataException e) {
          failed = true;
          out.flush();
          PictureInputs.reportUnreadable(spec, e);
          continue;
        }
        for (Map.Entry<String, HostTensor> result : results.entrySet()) {
          Path target =
              PictureInputs.target(folder, targets.get(i), "." + result.getKey() + ".npy");
          try {
            Files.createDirectories(target.toAbsolutePath().getParent());
            Npy.write(target, result.getValue());
            out.println(FileNames.shown(target) + "  " + result.getValue());
          } catch (FileSystemException e) {
            failed = true;
            out.flush();
            PictureInputs.reportUnreadable(spec, PictureInputs.unwritten(target, e));
          }
        }
      }
    }
    out.flush();
    return failed ? 1 : 0;
  }

  private static Map<String, HostTensor> run(
      Model model, PictureInputs inputs, Input input, Set<String> wanted) {
    Path file = input.file();
    if (file == null || !file.toString().endsWith(".npy")) {
      Image image = inputs.read(input, model.preprocessing().wholePictures());
      return model.run(List.of(image), wanted);
    }
    try {
      return model.run(Npy.read(file), wanted);
    } catch (IllegalArgumentException e) {
      throw new DataException(FileNames.shown(file) + ": " + e.getMessage(), e);
    }
  }

  private Model load(Engine engine, ModelFile file) {
    return Model.load(engine, file, engineChoice.precision(engine, Engine.Mode.INFERENCE));
  }

  private static Set<String> stages(ModelFile file) {
    Set<String> stages = new LinkedHashSet<>(file.network().outputs().keySet());
    stages.remove("pooled");
    stages.remove("logits");
    return stages;
  }
}
