package io.resfuse.benchmarks.batcher;

import io.resfuse.batch.BatchOptions;
import io.resfuse.batch.BatchTarget;
import io.resfuse.batch.Batcher;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.model.Initializer;
import io.resfuse.model.NetworkConfig;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code benchmarks/run batcher}. */
@Command(
    name = "benchmarks/run batcher",
    description =
        "Threads that submit single images and wait for each answer, against full batches of the"
            + " same size run one after another, in rounds; and what a request costs where the"
            + " network does nothing.",
    mixinStandardHelpOptions = true)
final class BatcherCommand implements Callable<Integer> {
  @Option(names = "--network", description = "Which (default: ${DEFAULT-VALUE}).")
  private String network = "resnet18";

  @Option(names = "--engine", description = "On which engine (default: ${DEFAULT-VALUE}).")
  private String engine = "onednn";

  @Option(names = "--size", description = "Rows and columns (default: ${DEFAULT-VALUE}).")
  private int size = 224;

  @Option(names = "--batch", description = "Images per batch (default: ${DEFAULT-VALUE}).")
  private int batch = 16;

  @Option(names = "--clients", description = "Threads that submit (default: ${DEFAULT-VALUE}).")
  private int clients = 32;

  @Option(
      names = "--delay",
      description = "The queue delay in milliseconds (default: ${DEFAULT-VALUE}).")
  private int delay = 20;

  @Option(names = "--rounds", description = "Of both (default: ${DEFAULT-VALUE}).")
  private int rounds = 5;

  @Option(names = "--seconds", description = "Of each per round (default: ${DEFAULT-VALUE}).")
  private double seconds = 5;

  @Option(names = "--batch-invariant", description = "Compute the same bits whatever the batch.")
  private boolean batchInvariant;

  private BatcherCommand() {}

  public static void main(String[] arguments) {
    System.exit(new CommandLine(new BatcherCommand()).execute(arguments));
  }

  @Override
  public Integer call() throws InterruptedException {
    overhead();
    EngineOptions options = EngineOptions.defaults().withBatchInvariant(batchInvariant);
    NetworkSpec spec = NetworkConfig.of(network).build();
    PlanRequest request = PlanRequest.logits(batch, size);
    Runs runs = new Runs();
    try (Engine opened = Engines.open(engine, options);
        LoadedNetwork loaded =
            opened.load(spec, Initializer.seeded(1).initialize(spec), Precision.FP32);
        InferencePlan direct = loaded.plan(request);
        Batcher batcher = batcher(loaded, request, runs)) {
      System.out.printf("%s on %s, batches of %d%n", network, opened.description(), batch);
      runDirect(direct, 1);
      Clients.run(batcher, clients, image(), 1);
      List<Double> ratios = new ArrayList<>();
      for (int round = 0; round < rounds; round++) {
        double batchSeconds = runDirect(direct, seconds);
        runs.forget();
        Clients.Result result = Clients.run(batcher, clients, image(), seconds);
        double ratio = result.perSecond() * batchSeconds / batch;
        ratios.add(ratio);
        System.out.printf(
            Locale.ROOT,
            "full batches %.1f images/s (%.1f ms each), %d threads %.1f images/s (%.3f);"
                + " p50 %.1f ms, p99 %.1f ms%n",
            batch / batchSeconds,
            1e3 * batchSeconds,
            clients,
            result.perSecond(),
            ratio,
            1e3 * result.latency(0.5),
            1e3 * result.latency(0.99));
        System.out.printf(
            Locale.ROOT,
            "    %d batches ran for %.1f ms each, p99 %.1f ms, %.3f of the time; an answer took beyond"
                + " two batches: p50 %.1f ms, p99 %.1f ms (queue delay %d ms)%n",
            runs.count(),
            1e3 * runs.quantile(0.5),
            1e3 * runs.quantile(0.99),
            runs.sum() / result.elapsed(),
            1e3 * runs.beyondTwo(result.answers(), 0.5),
            1e3 * runs.beyondTwo(result.answers(), 0.99),
            delay);
      }
      double[] sorted = ratios.stream().mapToDouble(Double::doubleValue).sorted().toArray();
      System.out.printf(
          Locale.ROOT,
          "median %.3f of full batches (%.3f to %.3f)%n",
          sorted[sorted.length / 2],
          sorted[0],
          sorted[sorted.length - 1]);
    }
    return 0;
  }

  private Batcher batcher(LoadedNetwork loaded, PlanRequest request, Runs runs) {
    BatchOptions options =
        BatchOptions.defaults()
            .withPreferredBatchSizes(List.of(batch))
            .withMaxQueueDelay(Duration.ofMillis(delay))
            .withListener(runs);
    return new Batcher(List.of(new BatchTarget(loaded, 1)), request, null, options);
  }

  private HostTensor image() {
    float[] image = new float[3 * size * size];
    Arrays.fill(image, 0.5f);
    return HostTensor.of(Shape.of(3, size, size), image);
  }

  /** Seconds per batch, of which the median run counts. */
  private static double runDirect(InferencePlan plan, double seconds) {
    long end = System.nanoTime() + (long) (seconds * 1e9);
    List<Long> times = new ArrayList<>();
    while (System.nanoTime() < end || times.isEmpty()) {
      long begin = System.nanoTime();
      plan.run();
      times.add(System.nanoTime() - begin);
    }
    times.sort(null);
    return times.get(times.size() / 2) / 1e9;
  }

  /** What a request takes where the network does nothing, and whether anything grows. */
  private void overhead() throws InterruptedException {
    PlanRequest request = PlanRequest.logits(1, 1);
    HostTensor image = HostTensor.zeros(Shape.of(3, 1, 1));
    BatchOptions options =
        BatchOptions.defaults()
            .withPreferredBatchSizes(List.of(batch))
            .withMaxQueueDelay(Duration.ZERO);
    try (Batcher batcher =
        new Batcher(List.of(new BatchTarget(new TrivialNetwork(), 1)), request, null, options)) {
      Clients.run(batcher, clients, image, seconds);
      long before = usedHeap();
      Clients.Result result = Clients.run(batcher, clients, image, seconds);
      long count = result.count();
      double micros = 1e6 / result.perSecond();
      result = null;
      System.out.printf(
          Locale.ROOT,
          "a network that does nothing: %.2f us per request of %d threads; the heap is %d KB larger"
              + " after %d requests%n",
          micros,
          clients,
          (usedHeap() - before) >> 10,
          count);
    }
  }

  private static long usedHeap() {
    System.gc();
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }
}
