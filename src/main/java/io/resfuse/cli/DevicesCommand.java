package io.resfuse.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.EngineProvider;
import io.resfuse.engine.EngineProvider.Availability;
import io.resfuse.engine.Engines;
import io.resfuse.engine.cuda.SoftCuda;
import io.resfuse.engine.cudnn.CudnnLibrary;
import io.resfuse.platform.Settings;
import io.resfuse.weights.format.AtomicFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code resfuse devices}. */
@Command(
    name = "devices",
    description =
        "Lists which engines and devices can be used here and, for those that can't, why; or the"
            + " settings that are read.",
    mixinStandardHelpOptions = true)
final class DevicesCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Option(
      names = "--properties",
      description =
          "List the system properties and environment variables that are read, and their values.")
  private boolean properties;

  @Option(
      names = "--describe",
      paramLabel = "FILE",
      description =
          "Write what cuDNN 9.8 or newer knows of the GPU to this file, as JSON. With it cuDNN makes"
              + " plans for this GPU on machines that do not have it.")
  private Path description;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      description = "The GPU that --describe describes (default: the first).")
  private String device = "";

  @Override
  public Integer call() throws IOException {
    if (description != null) {
      AtomicFile.write(
          description, CudnnLibrary.ofThisMachine().describeDevice(new EngineOptions(0, device)));
      return 0;
    }
    PrintWriter out = spec.commandLine().getOut();
    ObjectMapper mapper = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
    ArrayNode array = mapper.createArrayNode();
    if (properties) {
      listSettings(array);
    } else {
      listDevices(array);
    }
    if (json) {
      out.println(mapper.writeValueAsString(array));
    }
    out.flush();
    return 0;
  }

  private void listDevices(ArrayNode array) {
    for (EngineProvider provider : Engines.providers()) {
      Availability availability = provider.probe(EngineOptions.defaults());
      list(array, "engine", provider.name(), availability.available(), availability.detail());
    }
    Availability emulator = SoftCuda.probe();
    list(array, "device", "softcuda", emulator.available(), emulator.detail());
  }

  private void listSettings(ArrayNode array) {
    for (Settings setting : Settings.values()) {
      boolean isProperty = setting.kind() == Settings.Kind.PROPERTY;
      array
          .addObject()
          .put("name", setting.key())
          .put("kind", isProperty ? "property" : "variable")
          .put("value", setting.value().orElse(null))
          .put("default", setting.standard())
          .put("description", setting.description());
      if (!json) {
        spec.commandLine()
            .getOut()
            .printf(
                "%-30s %s (%s)%n",
                (isProperty ? "-D" : "$") + setting.key(),
                setting.description(),
                setting
                    .value()
                    .map(value -> "now: " + value)
                    .orElse("default: " + setting.standard()));
      }
    }
  }

  private void list(ArrayNode array, String kind, String name, boolean available, String detail) {
    array.addObject().put(kind, name).put("available", available).put("detail", detail);
    if (!json) {
      spec.commandLine().getOut().printf("%-10s %-4s %s%n", name, available ? "yes" : "no", detail);
    }
  }
}
