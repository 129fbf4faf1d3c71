package io.resfuse.benchmarks.compare;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.resfuse.benchmarks.peers.Workload;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;

/** Prints a comparison's results as they come and keeps them for a JSON file. */
final class Report {
  private static final String OURS = "resfuse";

  private final ObjectMapper mapper = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
  private final ArrayNode workloads = mapper.createArrayNode();

  /** One line on the machine. */
  static String machine(int threads) throws IOException {
    String cpu = "unknown CPU";
    Path info = Path.of("/proc/cpuinfo");
    if (Files.exists(info)) {
      for (String line : Files.readAllLines(info)) {
        if (line.startsWith("model name")) {
          cpu = line.substring(line.indexOf(':') + 1).trim();
          break;
        }
      }
    }
    return cpu
        + ", "
        + Runtime.getRuntime().availableProcessors()
        + " cores, "
        + threads
        + " threads each, Java "
        + Runtime.version().feature();
  }

  /** Prints and keeps one workload. */
  void add(
      Workload workload,
      Map<String, WorkerProcess> workers,
      Map<String, double[]> rates,
      Map<String, Double> errors) {
    ObjectNode node = workloads.addObject().put("workload", workload.toString());
    ArrayNode results = node.putArray("results");
    for (Map.Entry<String, double[]> entry : rates.entrySet()) {
      String peer = entry.getKey();
      double[] peerRates = entry.getValue();
      double error = errors.getOrDefault(peer, 0.0);
      double[] ratios = new double[peerRates.length];
      for (int i = 0; i < ratios.length; i++) {
        ratios[i] = rates.containsKey(OURS) ? rates.get(OURS)[i] / peerRates[i] : Double.NaN;
      }
      double slowest = Arrays.stream(peerRates).min().orElse(0);
      double fastest = Arrays.stream(peerRates).max().orElse(0);
      System.out.println(
          Compare.format(
              "  %-12s %8.1f img/s (%.1f to %.1f)  ours is %.2f times as fast  answer differs by"
                  + " %.1e  %s",
              peer,
              Compare.median(peerRates),
              slowest,
              fastest,
              Compare.median(ratios),
              error,
              workers.get(peer).description()));
      results
          .addObject()
          .put("peer", peer)
          .put("description", workers.get(peer).description())
          .put("medianImagesPerSecond", Compare.median(peerRates))
          .put("minImagesPerSecond", slowest)
          .put("maxImagesPerSecond", fastest)
          .put("medianRatioOfOurs", Compare.median(ratios))
          .put("relativeError", error);
    }
  }

  void write(Path file, int threads) throws IOException {
    ObjectNode root = mapper.createObjectNode().put("machine", machine(threads));
    root.set("workloads", workloads);
    Files.writeString(file, mapper.writeValueAsString(root) + "\n");
  }
}
