package io.resfuse.cli;

import io.resfuse.data.dataset.Dataset;
import io.resfuse.data.dataset.Datasets;
import io.resfuse.data.dataset.MapDatasets;
import io.resfuse.data.dataset.Pictures;
import io.resfuse.data.dataset.SegmentationDataset;
import io.resfuse.data.dataset.Split;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.engine.Engine;
import io.resfuse.engine.Precision;
import io.resfuse.model.SegmentationConfig;
import io.resfuse.platform.FileNames;
import io.resfuse.platform.Printable;
import io.resfuse.train.Evaluation;
import io.resfuse.train.Evaluator;
import io.resfuse.train.run.MetricsLog;
import io.resfuse.train.run.TrainingSetup;
import io.resfuse.weights.ModelFile;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code resfuse evaluate}. */
@Command(
    name = "evaluate",
    description = "Says how well a network does on labelled pictures.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Of pictures with masks it is the intersection over union of each class and their mean, on masks at the"
          + " network's size.",
      "",
      "Pictures that cannot be read are named on standard error, left out and counted; the exit"
          + " code is 0 all the same.",
    })
final class EvaluateCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private DataChoice dataChoice;

  @Mixin private ModelChoice modelChoice;

  @Mixin private LabelsOption labels;

  @Mixin private DecodeOption decodeOption;

  @Option(
      names = "--split",
      paramLabel = "PART",
      description = "The part of the data set to evaluate on: train or test (default: test).")
  private Split split = Split.TEST;

  @Option(
      names = "--batch",
      paramLabel = "N",
      description = "How many pictures run together (default: ${DEFAULT-VALUE}).")
  private int batch = 64;

  @Option(
      names = "--preprocessing",
      paramLabel = "NAME",
      description =
          "How pictures are prepared: torchvision, keras-caffe, ... (default: as the model wants"
              + " it).")
  private @Nullable String preprocessing;

  @Option(
      names = "--by-position",
      description =
          "Take the data's classes for the network's in their order, whatever they are called.")
  private boolean byPosition;

  @Option(names = "--json", description = "Print JSON, with the confusion matrix.")
  private boolean json;

  @Mixin private EngineChoice engineChoice;

  @Override
  public Integer call() {
    if (batch < 1) {
      throw new ParameterException(spec.commandLine(), "--batch must be at least 1.");
    }
    Pictures data = open(dataChoice.name(""));
    try (Opened opened = Opened.of(this::open, engineChoice)) {
      ModelFile file = opened.file();
      Pictures dataset = matched(file, data);
      Engine engine = opened.engine();
      Precision precision = engineChoice.precision(engine, Engine.Mode.INFERENCE);
      Preprocessing prepared =
          Preprocessing.of(preprocessing == null ? file.preset() : preprocessing);
      Evaluation evaluation =
          new Evaluator(
                  engine,
                  file.network(),
                  TrainingSetup.evaluation(
                      dataset,
                      prepared,
                      batch,
                      dataChoice.loaderThreads(),
                      decodeOption.decoding()),
                  prepared.cropHeight(),
                  prepared.cropWidth(),
                  precision,
                  0)
              .evaluate(file.parameters());
      print(evaluation, dataset.classes());
    }
    return 0;
  }

  private ModelFile open() {
    ModelFile file = modelChoice.open();
    if (!(file.config() instanceof SegmentationConfig)) {
      file.requireHead();
    }
    return labels.apply(file);
  }

  private Pictures open(String name) {
    return DataChoice.hasMaps(name)
        ? MapDatasets.open(FileNames.path(name), split, new ImageDecoder())
        : DataChoice.open(name, split);
  }

  /** The data with its classes in the order of the network's. */
  private Pictures matched(ModelFile file, Pictures dataset) {
    boolean ofPixels = file.config() instanceof SegmentationConfig;
    if (ofPixels != dataset instanceof SegmentationDataset) {
      throw new IllegalArgumentException(
          "%s gives %s, but %s has %s; they do not belong together"
              .formatted(
                  file.network().name(),
                  ofPixels ? "each pixel a class" : "a picture one class",
                  Printable.of(dataset.name()),
                  ofPixels ? "a class for each picture" : "a class for each pixel"));
    }
    int classes = dataset.classes().size();
    if (file.config().classes() != classes) {
      throw new IllegalArgumentException(
          "%s has %d classes, %s has %d; they do not belong together"
              .formatted(file.network().name(), file.config().classes(), dataset.name(), classes));
    }
    List<String> labels = file.metadata().labels();
    if (labels.isEmpty() || byPosition) {
      return dataset;
    }
    if (!Set.copyOf(labels).equals(Set.copyOf(dataset.classes()))) {
      throw new IllegalArgumentException(
          "the network's classes are %s, those of %s are %s: they cannot be matched by name; where"
                  .formatted(
                      Printable.beginning(labels, 3),
                      dataset.name(),
                      Printable.beginning(dataset.classes(), 3))
              + " they are the same in the same order, give --by-position");
    }
    return dataset instanceof SegmentationDataset maps
        ? MapDatasets.withClasses(maps, labels)
        : Datasets.withClasses((Dataset) dataset, labels);
  }

  private void print(Evaluation evaluation, List<String> classes) {
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(MetricsLog.toJson(evaluation, classes));
    } else {
      out.println(
          String.format(
              Locale.ROOT,
              "%s, loss %.4f on %,d pictures in %.1f s (%,.0f img/s)",
              TrainingLines.scores(evaluation),
              evaluation.loss(),
              evaluation.pictures(),
              evaluation.seconds(),
              evaluation.pictures() / evaluation.seconds()));
      if (evaluation.unreadable() > 0) {
        out.println("unreadable pictures left out: " + evaluation.unreadable());
      }
      if (classes.size() <= 100) {
        for (int i = 0; i < classes.size(); i++) {
          double score = evaluation.classScores().get(i);
          out.println(
              String.format(
                  Locale.ROOT,
                  "  %7s  %s",
                  Double.isNaN(score) ? "-" : String.format(Locale.ROOT, "%.2f%%", 100 * score),
                  Printable.of(classes.get(i))));
        }
      }
    }
    out.flush();
  }
}
