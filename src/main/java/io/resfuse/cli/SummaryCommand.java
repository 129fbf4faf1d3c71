package io.resfuse.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.resfuse.model.ModelSummary;
import io.resfuse.model.NetworkConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code resfuse summary}. */
@Command(
    name = "summary",
    description = "Prints a network's layers, shapes, parameters, FLOPs and activation memory.",
    mixinStandardHelpOptions = true)
final class SummaryCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      arity = "0..1",
      paramLabel = "NETWORK",
      description = "The network, for example resnet50; without it, all are listed.")
  private String network;

  @Mixin private NetworkOptions options;

  @Option(
      names = "--size",
      paramLabel = "PIXELS",
      description = "How many rows and columns the image has (default: as many as the network's).")
  private Integer size;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    if (network == null) {
      listAll(out);
      return 0;
    }
    NetworkConfig config = options.apply(NetworkConfig.of(network));
    int pixels = size == null ? config.imageSize() : size;
    ModelSummary summary = ModelSummary.of(config.build(), pixels, pixels);
    if (json) {
      out.println(toJson(summary));
    } else {
      out.print(summary);
      for (NetworkConfig.Stage stage : config.stageOutputs()) {
        out.printf(
            "stage %s: %d channels, stride %d%n", stage.output(), stage.channels(), stage.stride());
      }
    }
    out.flush();
    return 0;
  }

  private void listAll(PrintWriter out) throws IOException {
    ArrayNode array = new ObjectMapper().createArrayNode();
    for (NetworkConfig config : NetworkConfig.all()) {
      if (!options.fit(config)) {
        continue;
      }
      int pixels = config.imageSize();
      ModelSummary summary = ModelSummary.of(options.apply(config).build(), pixels, pixels);
      if (json) {
        ObjectNode node = totals(summary);
        array.add(node);
      } else {
        out.printf(
            "%-18s %4d layers  %,12d parameters  %8.3f GFLOP at %dx%d%n",
            config.name(),
            summary.layers(),
            summary.parameters(),
            summary.flops() / 1e9,
            pixels,
            pixels);
      }
    }
    if (json) {
      out.println(pretty().writeValueAsString(array));
    }
    out.flush();
  }

  private static ObjectNode totals(ModelSummary summary) {
    return new ObjectMapper()
        .createObjectNode()
        .put("network", summary.network())
        .put("input", summary.inputShape().toString())
        .put("layers", summary.layers())
        .put("parameters", summary.parameters())
        .put("runningStatistics", summary.buffers())
        .put("flops", summary.flops())
        .put("activationBytes", summary.activationBytes());
  }

  private static String toJson(ModelSummary summary) throws IOException {
    ObjectNode root = totals(summary);
    ArrayNode rows = root.putArray("operations");
    for (ModelSummary.Row row : summary.rows()) {
      rows.addObject()
          .put("name", row.name())
          .put("operation", row.kind())
          .put("output", row.output().toString())
          .put("parameters", row.parameters())
          .put("flops", row.flops())
          .put("activationBytes", row.activationBytes());
    }
    return pretty().writeValueAsString(root);
  }

  private static ObjectMapper pretty() {
    return new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
  }
}
