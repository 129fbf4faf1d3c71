package io.resfuse.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.resfuse.Model;
import io.resfuse.Prediction;
import io.resfuse.cli.PictureInputs.Input;
import io.resfuse.data.DataException;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.data.image.Reduction;
import io.resfuse.engine.Engine;
import io.resfuse.platform.Printable;
import io.resfuse.weights.ModelFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code resfuse classify}. */
@Command(
    name = "classify",
    description = "Says what pictures show.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Pictures that cannot be read are named on standard error and skipped; the exit code is then 1.",
      "--json prints one object per picture and line."
    })
final class ClassifyCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      arity = "1..*",
      paramLabel = "PICTURE",
      description = "A file, a folder, or - for a picture on standard input.")
  private List<String> arguments;

  @Mixin private ModelChoice modelChoice;

  @Mixin private LabelsOption labels;

  @Option(
      names = "--top",
      paramLabel = "N",
      description = "How many classes to print for a picture (default: ${DEFAULT-VALUE}).")
  private int top = 5;

  @Option(
      names = "--draw",
      paramLabel = "FOLDER",
      description = "Draw each picture with its classes beside it, as FOLDER/NAME.classes.png.")
  private Path drawings;

  @Option(names = "--json", description = "Print JSON, one line for each picture.")
  private boolean json;

  @Option(
      names = "--batch",
      paramLabel = "N",
      description = "How many pictures run together (default: ${DEFAULT-VALUE}).")
  private int batch = 1;

  @Option(
      names = "--preprocessing",
      paramLabel = "NAME",
      description =
          "How pictures are prepared: torchvision, keras-caffe, ... (default: as the model wants"
              + " it).")
  private String preprocessing;

  @Mixin private DecodeOption decodeOption;

  @Mixin private EngineChoice engineChoice;

  private final ObjectMapper mapper = new ObjectMapper();
  private boolean failed;

  @Override
  public Integer call() throws IOException {
    if (top < 1 || batch < 1) {
      throw new ParameterException(spec.commandLine(), "--top and --batch must be at least 1.");
    }
    PictureInputs inputs = new PictureInputs();
    List<Input> all = inputs.expand(arguments);
    List<String> drawn = drawings == null ? List.of() : PictureInputs.outputNames(all);
    try (Opened opened = Opened.of(this::open, engineChoice);
        Model model = load(opened.engine(), opened.file());
        Progress progress = new Progress("classify")) {
      // What is drawn is drawn whole.
      Reduction needed =
          drawings == null
              ? decodeOption.decoding().reduction(model.preprocessing().reduction())
              : model.preprocessing().wholePictures();
      List<String> batchNames = new ArrayList<>();
      List<String> batchDrawn = new ArrayList<>();
      List<Image> images = new ArrayList<>();
      for (int i = 0; i < all.size(); i++) {
        String name = all.get(i).name();
        try {
          images.add(inputs.read(all.get(i), needed));
          batchNames.add(name);
          if (drawings != null) {
            batchDrawn.add(drawn.get(i));
          }
        } catch (DataException e) {
          reportUnreadable(name, e);
        }
        if (images.size() == batch || (i == all.size() - 1 && !images.isEmpty())) {
          List<List<Prediction>> results = model.classify(images, top);
          print(batchNames, results);
          draw(batchDrawn, images, results);
          batchNames.clear();
          batchDrawn.clear();
          images.clear();
        }
        progress.picturesBesideResults(i + 1, all.size());
      }
    }
    return failed ? 1 : 0;
  }

  private ModelFile open() {
    ModelFile file = modelChoice.open();
    file.requireHead();
    return labels.apply(file);
  }

  private Model load(Engine engine, ModelFile file) {
    var precision = engineChoice.precision(engine, Engine.Mode.INFERENCE);
    return preprocessing == null
        ? Model.load(engine, file, precision)
        : Model.load(engine, file, precision, Preprocessing.of(preprocessing), 1);
  }

  private void reportUnreadable(String name, DataException failure) throws IOException {
    failed = true;
    PictureInputs.reportUnreadable(spec, failure);
    if (json) {
      PictureInputs.printUnreadable(spec, name, failure);
    }
  }

  private void draw(List<String> names, List<Image> images, List<List<Prediction>> results)
      throws IOException {
    if (drawings == null) {
      return;
    }
    for (int i = 0; i < names.size(); i++) {
      Path target = PictureInputs.target(drawings, names.get(i), ".classes.png");
      try {
        Files.createDirectories(target.toAbsolutePath().getParent());
        PredictionPicture.write(images.get(i), results.get(i), target);
      } catch (FileSystemException e) {
        failed = true;
        PictureInputs.reportUnreadable(spec, PictureInputs.unwritten(target, e));
      }
    }
  }

  private void print(List<String> names, List<List<Prediction>> results) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    for (int i = 0; i < names.size(); i++) {
      if (json) {
        ObjectNode node = mapper.createObjectNode().put("file", names.get(i));
        ArrayNode array = node.putArray("predictions");
        for (Prediction prediction : results.get(i)) {
          array
              .addObject()
              .put("index", prediction.index())
              .put("label", prediction.label())
              .put("probability", prediction.probability());
        }
        out.println(mapper.writeValueAsString(node));
      } else {
        out.println(Printable.of(names.get(i)));
        results
            .get(i)
            .forEach(prediction -> out.println("  " + Printable.of(prediction.toString())));
      }
    }
    out.flush();
  }
}
