package io.resfuse.benchmarks.compare;

import io.resfuse.benchmarks.peers.Peer;
import io.resfuse.benchmarks.peers.Workload;
import io.resfuse.engine.Precision;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Compares peers in one run. Each peer is a process; in every round each runs in turn for the same
 * time, so that a noisy moment of the machine hits all alike; what is quoted is the median over
 * rounds of the ratio within a round. Before anything is timed, the peers' answers are checked
 * against ours.
 */
@Command(
    name = "compare",
    description = "Compares ResFuse with ONNX Runtime, LibTorch and DJL in interleaved rounds.",
    mixinStandardHelpOptions = true)
public final class Compare implements Callable<Integer> {
  private static final String OURS = "resfuse";

  @Option(
      names = "--workloads",
      split = ",",
      description = "NETWORK:infer|train:BATCH:PRECISION, ... (default: ${DEFAULT-VALUE})")
  private List<String> workloads =
      List.of(
          "resnet50:infer:1:fp32",
          "resnet50:infer:8:fp32",
          "resnet50:infer:32:fp32",
          "resnet18:infer:32:fp32",
          "resnet50:infer:1:bf16",
          "resnet50:infer:8:bf16",
          "resnet50:infer:32:bf16",
          "resnet50:train:16:fp32",
          "resnet20:train:128:fp32",
          "resnet50:train:16:bf16",
          "resnet20:train:128:bf16");

  @Option(names = "--peers", split = ",", description = "Which peers (default: all).")
  private List<String> peers = new ArrayList<>(new TreeSet<>(Peer.ALL.keySet()));

  @Option(names = "--rounds", description = "Rounds (default: ${DEFAULT-VALUE}).")
  private int rounds = 7;

  @Option(
      names = "--seconds",
      description = "Seconds per peer and round (default: ${DEFAULT-VALUE}).")
  private double seconds = 4;

  @Option(names = "--threads", description = "Threads of each peer (default: all cores).")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(names = "--json", description = "Write the results to this file, too.")
  private Path json;

  private final Report report = new Report();

  public static void main(String[] arguments) {
    System.exit(new CommandLine(new Compare()).execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    System.out.println(Report.machine(threads));
    boolean right = true;
    for (String text : workloads) {
      right &= compare(Workload.parse(text, threads));
    }
    if (json != null) {
      report.write(json, threads);
    }
    return right ? 0 : 1;
  }

  private boolean compare(Workload workload) throws IOException {
    File log = Files.createTempDirectory("resfuse-compare").resolve("workers.log").toFile();
    Map<String, WorkerProcess> workers = new LinkedHashMap<>();
    try {
      System.out.println(format("%n%s", workload));
      for (String peer : peers) {
        start(peer, workload, log, workers);
      }
      Map<String, Double> errors = errors(workers);
      boolean confirmed = dropWrong(workload, workers, errors);
      report.add(workload, workers, measure(workload, workers), errors);
      return confirmed;
    } finally {
      workers.values().forEach(WorkerProcess::close);
    }
  }

  private static void start(
      String peer, Workload workload, File log, Map<String, WorkerProcess> workers)
      throws IOException {
    try {
      WorkerProcess worker = new WorkerProcess(peer, fallback(peer, workload), log);
      if (worker.refusal() == null) {
        workers.put(peer, worker);
      } else {
        worker.close();
      }
    } catch (IOException e) {
      if (peer.equals(OURS)) {
        throw e;
      }
      System.out.println("  " + e.getMessage());
    }
  }

  /**
   * Takes out the peers whose answers differ from ours by more than rounding explains.
   *
   * @return false if there are peers and none agrees with us
   */
  private static boolean dropWrong(
      Workload workload, Map<String, WorkerProcess> workers, Map<String, Double> errors) {
    double bound = workload.precision() == Precision.FP32 ? 1e-3 : 5e-2;
    boolean alone = workers.size() <= 1;
    errors.forEach(
        (peer, error) -> {
          if (!(error <= bound)) {
            System.out.println(
                format("  %-12s answers otherwise than ours, by %.1e: not timed", peer, error));
            workers.remove(peer).close();
          }
        });
    return alone || workers.size() > 1;
  }

  /**
   * Peers are compared in the best precision that they have: ours in bf16 against theirs in fp32.
   */
  private static Workload fallback(String peer, Workload workload) {
    return peer.equals(OURS)
        ? workload
        : new Workload(
            workload.network(),
            workload.training(),
            workload.batch(),
            Precision.FP32,
            workload.threads());
  }

  /** Relative L2 distance of each peer's answer from ours. */
  private static Map<String, Double> errors(Map<String, WorkerProcess> workers) throws IOException {
    Map<String, Double> errors = new LinkedHashMap<>();
    if (!workers.containsKey(OURS)) {
      return errors;
    }
    float[] ours = workers.get(OURS).answer();
    for (Map.Entry<String, WorkerProcess> entry : workers.entrySet()) {
      float[] theirs = entry.getValue().answer();
      double difference = 0;
      double norm = 0;
      for (int i = 0; i < theirs.length; i++) {
        difference += Math.pow((double) theirs[i] - ours[i], 2);
        norm += Math.pow(theirs[i], 2);
      }
      errors.put(entry.getKey(), Math.sqrt(difference / norm));
    }
    return errors;
  }

  private Map<String, double[]> measure(Workload workload, Map<String, WorkerProcess> workers)
      throws IOException {
    Map<String, double[]> rates = new LinkedHashMap<>();
    for (Map.Entry<String, WorkerProcess> entry : workers.entrySet()) {
      entry.getValue().run(seconds / 2); // warm up
      rates.put(entry.getKey(), new double[rounds]);
    }
    List<String> order = new ArrayList<>(workers.keySet());
    for (int round = 0; round < rounds; round++) {
      for (String peer : order) {
        rates.get(peer)[round] = workers.get(peer).run(seconds) * workload.batch();
      }
      order.add(order.remove(0));
    }
    return rates;
  }

  static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  static String format(String pattern, Object... arguments) {
    return String.format(Locale.ROOT, pattern, arguments);
  }
}
