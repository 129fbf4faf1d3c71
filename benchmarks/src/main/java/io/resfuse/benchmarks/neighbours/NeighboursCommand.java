package io.resfuse.benchmarks.neighbours;

import io.resfuse.bench.Bench;
import io.resfuse.bench.Competitors;
import io.resfuse.bench.Task;
import io.resfuse.bench.Watcher;
import io.resfuse.bench.report.BenchReport;
import io.resfuse.bench.report.Settings;
import io.resfuse.bench.report.Workload;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Precision;
import io.resfuse.model.NetworkConfig;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code benchmarks/run neighbours}. */
@Command(
    name = "benchmarks/run neighbours",
    description =
        "Times engines and peers side by side as 'resfuse bench' does: alone, and beside processes"
            + " that do nothing but use a CPU each.",
    mixinStandardHelpOptions = true,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:all answers were right",
      "1:an answer was wrong, or something failed",
      "2:wrong use"
    })
final class NeighboursCommand implements Callable<Integer> {
  @Option(names = "--network", description = "Which (default: ${DEFAULT-VALUE}).")
  private String network = "resnet50";

  @Option(names = "--mode", description = "inference, training (default: ${DEFAULT-VALUE}).")
  private Engine.Mode mode = Engine.Mode.INFERENCE;

  @Option(names = "--batch", description = "Images per iteration (default: ${DEFAULT-VALUE}).")
  private int batch = 1;

  @Option(
      names = "--size",
      description = "Rows and columns of the images (default: the network's).")
  private Integer size;

  @Option(
      names = "--engine",
      split = ",",
      description =
          "Engines and peers (default: onednn, and onnxruntime in inference, libtorch in training);"
              + " onednn-spinning is onednn with threads that always spin.")
  private List<String> engines = List.of();

  @Option(
      names = "--against",
      paramLabel = "ENGINE",
      description = "By which the others are divided (default: the last).")
  private String against;

  @Option(
      names = "--busy",
      split = ",",
      description = "Numbers of busy processes (default: 0,1,2).")
  private List<Integer> counts = List.of(0, 1, 2);

  @Option(names = "--rounds", description = "For each number (default: ${DEFAULT-VALUE}).")
  private int rounds = 5;

  @Option(
      names = "--seconds",
      description = "That an engine runs per round (default: ${DEFAULT-VALUE}).")
  private double seconds = 2;

  @Option(names = "--json", description = "Print JSON in place of the table.")
  private boolean json;

  private NeighboursCommand() {}

  /**
   * Runs it and ends the process with its exit code.
   *
   * @param arguments of the command line
   */
  public static void main(String[] arguments) {
    System.exit(
        new CommandLine(new NeighboursCommand())
            .setCaseInsensitiveEnumValuesAllowed(true)
            .setExecutionExceptionHandler(
                (e, line, parsed) -> {
                  line.getErr().println("neighbours: " + e.getMessage());
                  return 1;
                })
            .execute(arguments));
  }

  @Override
  public Integer call() {
    if (batch < 1 || counts.stream().anyMatch(count -> count < 0)) {
      throw new IllegalArgumentException(
          "a batch has at least one image, and there are 0 busy processes or more; got --batch "
              + batch
              + " and --busy "
              + counts);
    }
    NetworkConfig config = NetworkConfig.of(network);
    int pixels = size == null ? config.imageSize() : size;
    Task task = Task.of(new Workload(network, mode, batch, pixels, Precision.FP32), config);
    Set<String> names = new LinkedHashSet<>(engines);
    if (names.isEmpty()) {
      names.add("onednn");
      names.add(mode == Engine.Mode.TRAINING ? "libtorch" : "onnxruntime");
    }
    String divisor = against == null ? List.copyOf(names).get(names.size() - 1) : against;
    if (!names.contains(divisor)) {
      throw new IllegalArgumentException(
          "--against " + divisor + " takes no part; --engine has " + names);
    }
    Settings settings = new Settings(rounds, seconds, divisor, false, 1);
    List<NeighboursReport.Part> parts = new ArrayList<>();
    for (int count : counts) {
      parts.add(new NeighboursReport.Part(count, run(task, names, settings, count)));
    }
    NeighboursReport report = new NeighboursReport(parts);
    System.out.print(json ? report.json() : report.text());
    return report.passed() ? 0 : 1;
  }

  private static BenchReport run(Task task, Set<String> names, Settings settings, int count) {
    EngineOptions options = EngineOptions.defaults();
    try (Competitors competitors = Competitors.open(names, options);
        Engine reference = Engines.open("reference", options);
        Neighbourhood watcher = new Neighbourhood(count)) {
      return new Bench(List.of(task), competitors.all(), reference, settings, watcher).run();
    }
  }

  /** Busy processes that begin when the first round does. */
  private static final class Neighbourhood implements Watcher, AutoCloseable {
    private final int count;
    private BusyProcesses processes;

    Neighbourhood(int count) {
      this.count = count;
    }

    @Override
    public void progress(String step, int done, int total) {
      if (processes == null && step.equals("rounds")) {
        processes = new BusyProcesses(count);
      }
    }

    @Override
    public void close() {
      if (processes != null) {
        processes.close();
      }
    }
  }
}
