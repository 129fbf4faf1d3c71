package io.resfuse.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.EngineProvider;
import io.resfuse.engine.EngineProvider.Availability;
import io.resfuse.engine.Engines;
import io.resfuse.engine.cuda.SoftCuda;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code resfuse devices}. */
@Command(
    name = "devices",
    description =
        "Lists which engines and devices can be used here and, for those that can't, why.",
    mixinStandardHelpOptions = true)
final class DevicesCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    ObjectMapper mapper = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
    ArrayNode array = mapper.createArrayNode();
    for (EngineProvider provider : Engines.providers()) {
      Availability availability = provider.probe(EngineOptions.defaults());
      list(array, "engine", provider.name(), availability.available(), availability.detail());
    }
    Availability emulator = SoftCuda.probe();
    list(array, "device", "softcuda", emulator.available(), emulator.detail());
    if (json) {
      out.println(mapper.writeValueAsString(array));
    }
    out.flush();
    return 0;
  }

  private void list(ArrayNode array, String kind, String name, boolean available, String detail) {
    array.addObject().put(kind, name).put("available", available).put("detail", detail);
    if (!json) {
      spec.commandLine().getOut().printf("%-10s %-4s %s%n", name, available ? "yes" : "no", detail);
    }
  }
}
