package io.resfuse.cli;

import io.resfuse.bench.Bench;
import io.resfuse.bench.Competitors;
import io.resfuse.bench.Task;
import io.resfuse.bench.report.BenchPage;
import io.resfuse.bench.report.BenchReport;
import io.resfuse.bench.report.BenchTable;
import io.resfuse.bench.report.Estimate;
import io.resfuse.bench.report.ReportComparison;
import io.resfuse.bench.report.Settings;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Precision;
import io.resfuse.model.NetworkConfig;
import io.resfuse.weights.format.AtomicFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code resfuse bench}. */
@Command(
    name = "bench",
    description =
        "Times engines side by side, after their answers have been held against float64: images per"
            + " second, latencies, memory, in inference and training.",
    mixinStandardHelpOptions = true,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:all answers were right",
      "1:an answer was wrong, nothing could be timed, --compare found a difference, or something failed",
      "2:wrong use"
    },
    footer = {
      "",
      "In every round each engine runs in turn; what is printed is the median of the rounds and the"
          + " distance of their quartiles.",
      "",
      "Examples:",
      "  resfuse bench --network resnet50 --batch 1,8,32 --precision fp32,bf16",
      "  resfuse bench --engine cuda,cudnn --against cudnn --batch 32,256 --precision fp16"
          + " --mode inference",
      "  resfuse bench --layers --html bench.html --json > bench.json",
      "  resfuse bench --from bench.json --compare earlier.json",
    })
final class BenchCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--network",
      split = ",",
      paramLabel = "NETWORK",
      description = "The networks to time (default: resnet50); 'resfuse summary' lists them.")
  private List<String> networks = List.of("resnet50");

  @Mixin private NetworkOptions networkOptions;

  @Option(
      names = "--engine",
      split = ",",
      paramLabel = "ENGINE",
      description =
          "The engines to time: auto, or some of those that 'resfuse devices' lists (default:"
              + " auto); with 'benchmarks/run bench' also peers: onnxruntime, libtorch,"
              + " libtorch-contiguous, djl.")
  private Set<String> engines = Set.of(Engines.AUTO);

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      description = "Run on this device of the engines (default: the first).")
  private String device = "";

  @Mixin private CpuOptions cpu;

  @Option(
      names = "--batch",
      split = ",",
      paramLabel = "N",
      description = "How many images an iteration takes (default: 1,8,32).")
  private List<Integer> batches = List.of(1, 8, 32);

  @Option(
      names = "--precision",
      split = ",",
      paramLabel = "PRECISION",
      description = "The precisions to compute in: fp32, tf32, bf16, fp16, int8 (default: fp32).")
  private List<String> precisions = List.of("fp32");

  @Option(
      names = "--mode",
      split = ",",
      paramLabel = "MODE",
      description = "What to time: inference, training (default: inference).")
  private List<Engine.Mode> modes = List.of(Engine.Mode.INFERENCE);

  @Option(
      names = "--size",
      paramLabel = "PIXELS",
      description =
          "How many rows and columns the images have (default: as many as the network's).")
  private Integer size;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      description =
          "How many rounds there are; in each of them every engine runs in turn (default:"
              + " ${DEFAULT-VALUE}).")
  private int rounds = 7;

  @Option(
      names = "--seconds",
      paramLabel = "SECONDS",
      description = "How long an engine runs in a round (default: ${DEFAULT-VALUE}).")
  private double seconds = 2;

  @Option(
      names = "--against",
      paramLabel = "ENGINE",
      description =
          "The engine by whose throughput that of the others is divided (default: the first).")
  private String against = "";

  @Option(
      names = "--layers",
      description =
          "Measure the device's ceilings, and time every kind of layer by itself, with cold caches.")
  private boolean layers;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "The seed of all random numbers (default: ${DEFAULT-VALUE}).")
  private long seed = 1;

  @Option(names = "--json", description = "Print JSON in place of the table.")
  private boolean json;

  @Option(
      names = "--csv",
      paramLabel = "FILE",
      description = "Write the table as comma-separated values to this file.")
  private Path csv;

  @Option(
      names = "--html",
      paramLabel = "FILE",
      description = "Write a page with plots to this file: throughput, ratios, memory, rooflines.")
  private Path html;

  @Option(
      names = "--estimates",
      description =
          "Add what softcuda estimates that engine cuda takes on GPUs from A100 to B200. These are no"
              + " measurements; they are for machines without a GPU.")
  private boolean estimates;

  @Option(
      names = "--from",
      paramLabel = "FILE",
      description = "Time nothing; show the run that --json printed into this file.")
  private Path from;

  @Option(
      names = "--compare",
      paramLabel = "FILE",
      description = "Hold the run against an earlier one, which --json printed into this file.")
  private Path compare;

  @Override
  public Integer call() throws IOException {
    OutputFiles.requireWritable(csv);
    OutputFiles.requireWritable(html);
    BenchReport earlier = compare == null ? null : BenchReport.read(compare);
    BenchReport report = from == null ? run() : BenchReport.read(from);
    write(report);
    boolean agrees = true;
    if (earlier != null) {
      ReportComparison comparison = ReportComparison.of(earlier, report);
      PrintWriter out = json ? spec.commandLine().getErr() : spec.commandLine().getOut();
      out.print(comparison.text());
      out.flush();
      agrees = comparison.agrees();
    }
    return report.passed() && agrees ? 0 : 1;
  }

  private BenchReport run() throws IOException {
    List<Task> tasks = tasks();
    EngineOptions options = cpu.on(device, true);
    Settings settings = new Settings(rounds, seconds, against, layers, seed);
    List<Estimate> estimated = estimates ? estimates(tasks) : List.of();
    try (Competitors competitors = Competitors.open(engines, options);
        Engine reference = EngineChoice.reference(options);
        Progress progress = new Progress("bench")) {
      requireNamed(competitors.names());
      return new Bench(tasks, competitors.all(), reference, settings, progress::steps)
          .run()
          .withEstimates(estimated);
    }
  }

  private List<Estimate> estimates(List<Task> tasks) throws IOException {
    boolean onGpu = engines.contains("cuda") || engines.contains("cudnn");
    if (onGpu && !device.equals("softcuda")) {
      throw new IllegalArgumentException(
          "--estimates takes softcuda for the CUDA driver, so that no engine can use a GPU; leave"
              + " it out, or the engines cuda and cudnn");
    }
    try (Progress progress = new Progress("estimates")) {
      return LaunchCounts.estimates(tasks, progress::steps);
    }
  }

  private List<Task> tasks() {
    List<Precision> parsed = precisions.stream().map(Precision::parse).toList();
    List<Task> tasks = new ArrayList<>();
    for (String network : networks) {
      NetworkConfig config = networkOptions.apply(NetworkConfig.of(network));
      tasks.addAll(Task.all(network, config, size, modes, parsed, batches));
    }
    return tasks;
  }

  private void requireNamed(Set<String> names) {
    if (!against.isEmpty() && !names.contains(against)) {
      throw new IllegalArgumentException(
          "--against " + against + " takes no part; --engine has " + names);
    }
  }

  private void write(BenchReport report) {
    if (csv != null) {
      AtomicFile.write(csv, BenchTable.csv(report));
    }
    if (html != null) {
      AtomicFile.write(html, BenchPage.html(report));
    }
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(report.json());
    } else {
      out.print(BenchTable.text(report));
    }
    out.flush();
  }
}
