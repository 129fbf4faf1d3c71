package io.resfuse.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Quantization;
import io.resfuse.platform.FileNames;
import io.resfuse.platform.Printable;
import io.resfuse.quantize.CalibrationMethod;
import io.resfuse.quantize.Pictures;
import io.resfuse.quantize.QuantizationException;
import io.resfuse.quantize.QuantizationOptions;
import io.resfuse.quantize.QuantizationReport;
import io.resfuse.quantize.QuantizationReport.Layer;
import io.resfuse.quantize.QuantizationSpeed;
import io.resfuse.quantize.Quantizer;
import io.resfuse.weights.ModelFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code resfuse weights quantize}. */
@Command(
    name = "quantize",
    description =
        "Makes weights of 8 bits for inference in int8, calibrated on pictures like those to come.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "The same weights, pictures and options give the same file, whatever the number of threads.",
      "What is written runs with --precision int8. The report ranks layers by the error of their"
          + " results: those at its top are the ones to try --keep with.",
      "",
      "Examples:",
      "  resfuse weights quantize resnet50-imagenet --calibrate photographs --output"
          + " resnet50-int8.safetensors",
      "  resfuse weights quantize resnet20-fashion-mnist --calibrate fashion-mnist --method entropy"
          + " --output int8.safetensors",
    })
final class QuantizeCommand implements Callable<Integer> {
  private static final int LISTED = 10;
  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "WEIGHTS",
      description = "The float32 weights: a file, or a known model.")
  private String weights;

  @Option(
      names = "--calibrate",
      required = true,
      paramLabel = "FOLDER|NAME",
      description =
          "The pictures: a folder with pictures anywhere below it, or a data set as --data of"
              + " 'resfuse train' takes it, of which training pictures are taken.")
  private String calibrate;

  @Option(
      names = {"-o", "--output"},
      required = true,
      paramLabel = "FILE",
      description = "The .safetensors file to write.")
  private Path output;

  @Option(
      names = "--pictures",
      paramLabel = "N",
      description =
          "Take at most so many of the pictures, at even distances (default: ${DEFAULT-VALUE}).")
  private int pictures = 256;

  @Option(
      names = "--report-on",
      paramLabel = "FOLDER|NAME",
      description =
          "Compare with float32 on these pictures, which tells more than those of the calibration"
              + " (default: on those).")
  private @Nullable String reportOn;

  @Option(
      names = "--method",
      paramLabel = "METHOD",
      description =
          "Cut the ranges of activations nowhere (minmax), above a percentile, where the relative entropy is"
              + " least (entropy), or where the mean squared error is (mse) (default: mse).")
  private CalibrationMethod method = QuantizationOptions.DEFAULTS.method();

  @Option(
      names = "--percentile",
      paramLabel = "PERCENT",
      description =
          "With --method percentile: how much of an activation is not cut (default:"
              + " ${DEFAULT-VALUE}).")
  private double percentile = QuantizationOptions.DEFAULTS.percentile();

  @Option(
      names = "--per-channel",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description =
          "Whether weights have a scale per output channel rather than per layer (default: they"
              + " have).")
  private boolean perChannel = true;

  @Option(
      names = "--reduce-range",
      paramLabel = "WHEN",
      description =
          "Give weights 7 bits, which CPUs without VNNI need: on, off, or auto: if this machine does"
              + " (default: ${DEFAULT-VALUE}).")
  private Reduce reduceRange = Reduce.AUTO;

  @Option(
      names = "--keep",
      split = ",",
      paramLabel = "LAYER",
      description =
          "Leave these in float32: stem, or layers by the beginning of their names (layer1,"
              + " layer4.2.conv3). The linear layer always is.")
  private Set<String> keep = Set.of();

  @Option(
      names = "--preprocessing",
      paramLabel = "NAME",
      description = "How pictures are prepared (default: as the model wants it).")
  private @Nullable String preprocessing;

  @Option(names = "--threads", paramLabel = "N", description = "How many pictures run at a time.")
  private int threads;

  @Option(names = "--json", description = "Print JSON in place of the table.")
  private boolean json;

  /** When weights have 7 bits. */
  enum Reduce {
    /** If this machine wants it. */
    AUTO,
    /** Always. */
    ON,
    /** Never. */
    OFF
  }

  @Override
  public Integer call() throws IOException {
    Path source = FileNames.path(weights);
    OutputFiles.requireOther(output, Files.exists(source) ? source : null);
    OutputFiles.requireWritable(output);
    if (pictures < 1) {
      throw new ParameterException(spec.commandLine(), "--pictures must be at least 1.");
    }
    if (!output.toString().toLowerCase(Locale.ROOT).endsWith(".safetensors")) {
      throw new ParameterException(
          spec.commandLine(),
          FileNames.shown(output) + ": the name of what is written ends in .safetensors");
    }
    ModelFile file = ModelChoice.openWithoutOptions(weights);
    if (file.parameters().quantization() != null) {
      throw new QuantizationException(
          weights + ": its weights are quantised already; give the float32 weights");
    }
    Preprocessing prepared =
        Preprocessing.of(preprocessing == null ? file.preset() : preprocessing);
    CalibrationPictures shown = open(calibrate, prepared);
    CalibrationPictures compared = reportOn == null ? shown : open(reportOn, prepared);
    int workers = new EngineOptions(threads, "").effectiveThreads();
    NetworkSpec network = file.network();
    try (Engine engine = EngineChoice.calibrating()) {
      boolean reduced =
          reduceRange == Reduce.AUTO ? engine.wantsReducedWeights() : reduceRange == Reduce.ON;
      QuantizationOptions options =
          new QuantizationOptions(method, percentile, perChannel, reduced, keep);
      Quantization quantization =
          new Quantizer(engine, workers).quantize(network, file.parameters(), shown, options);
      var quantized = file.parameters().withQuantization(quantization);
      ModelFile.saveQuantized(output, file.metadata(), quantized, how(options, shown.count()));
      QuantizationReport report =
          QuantizationReport.of(engine, workers, network, file.parameters(), quantized, compared);
      print(
          report,
          speed(network, file.parameters(), quantized, compared),
          how(options, shown.count()),
          original(file));
    }
    return 0;
  }

  /** On all threads of the CPU engine; null where it has no int8. */
  private @Nullable QuantizationSpeed speed(
      NetworkSpec network,
      io.resfuse.engine.Parameters original,
      io.resfuse.engine.Parameters quantized,
      Pictures shown) {
    EngineOptions options = new EngineOptions(threads, "");
    if (!EngineChoice.isCpuUsable(options)) {
      return null;
    }
    try (Engine engine = Engines.open(EngineChoice.CPU, options)) {
      return engine.whyNot(Precision.INT8, Engine.Mode.INFERENCE).isPresent()
          ? null
          : QuantizationSpeed.of(engine, network, original, quantized, shown);
    }
  }

  private CalibrationPictures open(String name, Preprocessing prepared) {
    return CalibrationPictures.of(
        name, pictures, prepared, e -> PictureInputs.reportUnreadable(spec, e));
  }

  private static long original(ModelFile file) {
    return 4
        * file.parameters().asMap().values().stream().mapToLong(t -> t.shape().elements()).sum();
  }

  private static Map<String, Object> how(QuantizationOptions options, int count) {
    Map<String, Object> how = new LinkedHashMap<>();
    how.put("method", options.method().toString());
    if (options.method() == CalibrationMethod.PERCENTILE) {
      how.put("percentile", options.percentile());
    }
    how.put("pictures", (long) count);
    how.put("weight_bits", options.reducedRange() ? 7L : 8L);
    how.put("per_channel", options.perChannel());
    if (!options.keep().isEmpty()) {
      how.put("kept", String.join(" ", new TreeSet<>(options.keep())));
    }
    return how;
  }

  private void print(
      QuantizationReport report,
      @Nullable QuantizationSpeed speed,
      Map<String, Object> how,
      long original)
      throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    long bytes = Files.size(output);
    if (json) {
      ObjectMapper mapper = new ObjectMapper();
      ObjectNode node = mapper.createObjectNode().put("file", FileNames.text(output));
      node.put("bytes", bytes).put("float32_bytes", original);
      how.forEach(node::putPOJO);
      node.put("compared_pictures", report.pictures());
      if (!Double.isNaN(report.agreement())) {
        node.put("top1_agreement", report.agreement());
      }
      if (speed != null) {
        ObjectNode measured = node.putObject("images_per_second").put("engine", EngineChoice.CPU);
        measured.put("batch", speed.batch()).put("fp32", speed.floats());
        measured.put("int8", speed.integers()).put("ratio", speed.ratio());
      }
      ArrayNode layers = node.putArray("layers");
      for (Layer layer : report.ranked()) {
        ObjectNode one = layers.addObject().put("name", layer.name());
        one.put("precision", layer.precision().toString());
        putDecibels(one, "sqnr_db", layer.decibels());
        putDecibels(one, "weight_sqnr_db", layer.weightDecibels());
      }
      out.println(mapper.writeValueAsString(node));
    } else {
      out.printf(
          Locale.ROOT,
          "%s: %.1f MiB (float32: %.1f MiB); %s on %s pictures, weights of %s bits%n",
          FileNames.shown(output),
          bytes / 0x1p20,
          original / 0x1p20,
          how.get("method"),
          how.get("pictures"),
          how.get("weight_bits"));
      if (!Double.isNaN(report.agreement())) {
        out.printf(
            Locale.ROOT,
            "top-1 as in float32 on %.1f%% of %d pictures%n",
            100 * report.agreement(),
            report.pictures());
      }
      if (speed != null) {
        out.printf(
            Locale.ROOT,
            "engine %s, batches of %d: %.1f images/s in fp32, %.1f in int8, %.2f times as many%n",
            EngineChoice.CPU,
            speed.batch(),
            speed.floats(),
            speed.integers(),
            speed.ratio());
      }
      out.println("signal to error, in dB: of results, of weights; the worst layers first");
      report.ranked().stream()
          .limit(LISTED)
          .forEach(
              layer ->
                  out.printf(
                      "  %7s %7s  %s%s%n",
                      decibels(layer.decibels()),
                      decibels(layer.weightDecibels()),
                      Printable.of(layer.name()),
                      layer.precision() == Precision.INT8 ? "" : " (float32)"));
    }
    out.flush();
  }

  private static void putDecibels(ObjectNode node, String name, double value) {
    if (Double.isFinite(value)) {
      node.put(name, value);
    } else {
      node.putNull(name);
    }
  }

  private static String decibels(double value) {
    return Double.isFinite(value) ? String.format(Locale.ROOT, "%.1f", value) : "exact";
  }
}
