package io.resfuse.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.resfuse.bench.report.BenchTable;
import io.resfuse.bench.report.Workload;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Precision;
import io.resfuse.engine.cuda.KernelReport.Row;
import io.resfuse.model.NetworkConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code resfuse kernels}. */
@Command(
    name = "kernels",
    description =
        "Counts, on softcuda, what the CUDA kernels of a network's layers do: bytes, operations,"
            + " conflicts; and estimates their time. With --time it times them on a GPU instead.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "MB: sectors of 32 bytes moved to and from memory, each once for every block that touches it, as an"
          + " ideal cache of a block would; least: the bytes themselves.",
      "tensors: the MB of all that the kernel is given, each once: the least of an ideal cache of all blocks.",
      "confl: wavefronts of shared memory per wavefront without bank conflicts.",
      "A100 and H100: an estimate in microseconds by published peaks (roofline), no measurement. Memory is"
          + " charged with what a model of the second-level cache leaves to it, the cache with all that the"
          + " blocks move. The last table has other GPUs, too, and which unit is the slowest for how much of the time.",
      "Of each launch at most --blocks blocks run, spread over the grid; figures are scaled to all of them.",
      "",
      "With --time each launch runs several times in a row between two events, on buffers without meaning; us is"
          + " the least of three rounds, share that of the sum, GB/s what 'tensors' takes in that time.",
      "The slowest run once more between cuProfilerStart and cuProfilerStop:",
      "  ncu --profile-from-start off --target-processes all resfuse kernels --time --slowest 10",
    })
final class KernelsCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--network",
      paramLabel = "NETWORK",
      description =
          "The network to look at (default: ${DEFAULT-VALUE}); 'resfuse summary' lists them.")
  private String network = "resnet50";

  @Mixin private NetworkOptions networkOptions;

  @Option(
      names = "--batch",
      paramLabel = "N",
      description = "How many images the network gets at once (default: ${DEFAULT-VALUE}).")
  private int batch = 32;

  @Option(
      names = "--size",
      paramLabel = "PIXELS",
      description =
          "How many rows and columns the images have (default: as many as the network's).")
  private Integer size;

  @Option(
      names = "--precision",
      paramLabel = "PRECISION",
      description = "Compute in fp32, tf32, bf16, fp16 or int8 (default: ${DEFAULT-VALUE}).")
  private String precision = "fp16";

  @Option(
      names = "--training",
      description = "Look at training, forward and backward, rather than inference.")
  private boolean training;

  @Option(
      names = "--blocks",
      paramLabel = "N",
      description =
          "Run at most this many blocks of a launch; 0 for all (default: ${DEFAULT-VALUE}).")
  private long blocks = 16;

  @Option(names = "--time", description = "Time the launches on a GPU, the slowest first.")
  private boolean time;

  @Option(
      names = "--slowest",
      paramLabel = "N",
      description = "How many launches --time prints (default: ${DEFAULT-VALUE}).")
  private int slowest = 10;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      description = "The GPU on which --time runs (default: the first).")
  private String device = "";

  @Option(names = "--json", description = "Print JSON, with all of softcuda's counters.")
  private boolean json;

  private final ObjectMapper mapper = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  @Override
  public Integer call() throws IOException {
    NetworkConfig config = networkOptions.apply(NetworkConfig.of(network));
    int pixels = size == null ? config.imageSize() : size;
    Workload workload =
        new Workload(
            network,
            training ? Engine.Mode.TRAINING : Engine.Mode.INFERENCE,
            batch,
            pixels,
            Precision.parse(precision));
    NetworkSpec described = config.build();
    PrintWriter out = spec.commandLine().getOut();
    if (time) {
      LaunchTimes timed =
          LaunchTimes.of(workload, described, new EngineOptions(0, device), slowest);
      out.print(json ? timed.json() : timed.text());
      out.flush();
      return 0;
    }
    LaunchCounts counted = LaunchCounts.of(workload, described, blocks);
    if (json) {
      out.println(mapper.writeValueAsString(toJson(counted.launches())));
    } else {
      print(out, counted);
    }
    out.flush();
    return 0;
  }

  private ArrayNode toJson(List<KernelCounts> counted) {
    ArrayNode array = mapper.createArrayNode();
    for (KernelCounts counts : counted) {
      Row row = counts.row();
      ObjectNode node = array.addObject();
      node.put("pass", row.pass()).put("layer", row.label()).put("kernel", row.kernel());
      node.put("grid", row.grid()).put("threads", row.threads());
      node.put("registers", row.registers()).put("sharedBytes", row.sharedBytes());
      node.put("extrapolated", counts.isExtrapolated());
      node.put("bytes", counts.bytes()).put("bytesLeast", counts.leastBytes());
      node.put("tensorBytes", row.tensorBytes());
      node.put("tensorFlop", counts.tensorFlop()).put("conflicts", counts.conflicts());
      ArrayNode estimates = node.putArray("estimates");
      for (LaunchEstimate one : counts.estimates()) {
        estimates
            .addObject()
            .put("gpu", one.gpu())
            .put("microseconds", one.microseconds())
            .put("limit", one.limit())
            .put("memoryBytes", one.memoryBytes());
      }
      JsonNode all = counts.json();
      node.set("counters", all);
    }
    return array;
  }

  private void print(PrintWriter out, LaunchCounts all) {
    List<KernelCounts> counted = all.launches();
    int width = counted.stream().mapToInt(c -> c.row().label().length()).max().orElse(5);
    String format = "%-" + width + "s  %-28s %14s %4s %4s %6s %5s %9s %9s %9s %9s %6s %8s %8s%n";
    out.printf(
        format, "layer", "kernel", "grid", "thr", "reg", "shared", "warps", "MB", "least",
        "tensors", "GFLOP", "confl", "A100 us", "H100 us");
    boolean extrapolated = false;
    for (KernelCounts counts : counted) {
      Row row = counts.row();
      extrapolated |= counts.isExtrapolated();
      out.printf(
          format,
          row.label(),
          row.kernel(),
          row.grid(),
          row.threads(),
          row.registers(),
          row.sharedBytes(),
          counts.residentWarps(),
          number(counts.bytes() / 1e6),
          number(counts.leastBytes() / 1e6),
          number(row.tensorBytes() / 1e6),
          number(counts.tensorFlop() / 1e9),
          String.format("%.3f", counts.conflicts()),
          number(counts.microseconds("A100")),
          number(counts.microseconds("H100")));
    }
    out.printf(
        "%d launches: %.1f MB moved (least %.1f, tensors %.1f), %.2f GFLOP on tensor cores%n",
        counted.size(),
        all.sum(KernelCounts::bytes) / 1e6,
        all.sum(KernelCounts::leastBytes) / 1e6,
        all.sum(counts -> counts.row().tensorBytes()) / 1e6,
        all.sum(KernelCounts::tensorFlop) / 1e9);
    out.print(BenchTable.text(all.estimates()));
    if (extrapolated) {
      out.printf(
          "Extrapolated: of launches with more than %d blocks only so many ran (--blocks 0 runs all).%n",
          blocks);
    }
  }

  private static String number(double value) {
    return String.format(value < 10 ? "%.3f" : "%.1f", value);
  }
}
