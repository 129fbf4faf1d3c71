package io.resfuse.server.load;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.management.OperatingSystemMXBean;
import io.resfuse.Model;
import io.resfuse.batch.BatchOptions;
import io.resfuse.batch.Batcher;
import io.resfuse.batch.RequestOptions;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Precision;
import io.resfuse.model.Initializer;
import io.resfuse.model.NetworkConfig;
import io.resfuse.server.ModelServer;
import io.resfuse.server.ServerOptions;
import io.resfuse.server.repository.Loading;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.ModelMetadata;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code server/load}. */
@Command(
    name = "server/load",
    description =
        "A picture that threads submit to a batcher, against the same picture sent to the server by"
            + " as many threads, in rounds; then by wrk over many connections.",
    mixinStandardHelpOptions = true)
final class LoadCommand implements Callable<Integer> {
  private static final Pattern PER_SECOND = Pattern.compile("Requests/sec: +([0-9.]+)");
  private static final Pattern WRONG =
      Pattern.compile("(Non-2xx or 3xx responses: .*|Socket errors: .*)");

  @Option(names = "--network", description = "Which (default: ${DEFAULT-VALUE}).")
  private String network = "resnet18";

  @Option(names = "--engine", description = "On which engine (default: ${DEFAULT-VALUE}).")
  private String engine = "onednn";

  @Option(names = "--picture", description = "The file that is sent (default: ${DEFAULT-VALUE}).")
  private Path picture = Path.of("examples/china.jpg");

  @Option(
      names = "--clients",
      description = "Threads that submit, and connections (default: ${DEFAULT-VALUE}).")
  private int clients = 32;

  @Option(
      names = "--many",
      description = "Connections of the last run (default: ${DEFAULT-VALUE}).")
  private int many = 2000;

  @Option(names = "--rounds", description = "Of both (default: ${DEFAULT-VALUE}).")
  private int rounds = 5;

  @Option(names = "--seconds", description = "Of each (default: ${DEFAULT-VALUE}).")
  private int seconds = 5;

  @Option(
      names = "--warm-up",
      description =
          "Rounds before, which do not count: the JVM compiles (default: ${DEFAULT-VALUE}).")
  private int warmUp = 3;

  private LoadCommand() {}

  public static void main(String[] arguments) {
    System.exit(new CommandLine(new LoadCommand()).execute(arguments));
  }

  @Override
  public Integer call() throws Exception {
    Path folder = Files.createTempDirectory("resfuse-load");
    Path weights = folder.resolve(network + ".safetensors");
    Path script = folder.resolve("post.lua");
    try (Engine opened = Engines.open(engine, EngineOptions.defaults())) {
      NetworkConfig config = NetworkConfig.of(network);
      ModelFile.save(
          weights, ModelMetadata.of(config), Initializer.seeded(1).initialize(config.build()));
      Files.writeString(
          script,
          """
          local file = assert(io.open("%s", "rb"))
          wrk.method = "POST"
          wrk.body = file:read("*a")
          wrk.headers["Inference-Header-Content-Length"] = "0"
          """
              .formatted(picture.toAbsolutePath()));
      BatchOptions batching =
          BatchOptions.defaults()
              .withPreferredBatchSizes(List.of(1, 4, 16))
              .withQueueSize(8192)
              .withMaxQueueDelay(Duration.ofMillis(20));
      measure(opened, weights, script, batching);
      return 0;
    } finally {
      Files.deleteIfExists(weights);
      Files.deleteIfExists(script);
      Files.deleteIfExists(folder);
    }
  }

  private void measure(Engine opened, Path weights, Path script, BatchOptions batching)
      throws IOException, InterruptedException {
    byte[] contents = Files.readAllBytes(picture);
    ServerOptions options =
        new ServerOptions(
            "127.0.0.1",
            0,
            -1,
            null,
            64 << 20,
            8192,
            10_000,
            Runtime.getRuntime().maxMemory() / 2,
            Duration.ofMinutes(2),
            Duration.ZERO,
            false,
            Duration.ZERO,
            Duration.ofSeconds(30));
    System.out.printf(
        "%s on %s, %s, %d bytes%n", network, opened.description(), picture, contents.length);
    try (Model model = Model.load(opened, ModelFile.open(weights), Precision.FP32);
        Batcher batcher = model.newBatcher(Set.of("logits"), batching);
        ModelServer server =
            ModelServer.start(
                List.of(weights.toString()), new Loading(opened, null, batching), options)) {
      for (int round = 0; round < warmUp; round++) {
        submit(batcher, contents);
        send(server, contents);
      }
      List<Double> ratios = new ArrayList<>();
      List<Double> shares = new ArrayList<>();
      for (int round = 0; round < rounds; round++) {
        Rate direct = submit(batcher, contents);
        Rate served = send(server, contents);
        ratios.add(served.perSecond / direct.perSecond);
        shares.add(direct.cpuSeconds / served.cpuSeconds);
        System.out.printf(
            Locale.ROOT,
            "batcher %.1f images/s, %.3f ms of CPUs each, %d threads;"
                + " server %.1f images/s, %.3f ms, %d connections (%.3f; of CPUs %.3f)%n",
            direct.perSecond,
            1e3 * direct.cpuSeconds,
            clients,
            served.perSecond,
            1e3 * served.cpuSeconds,
            clients,
            ratios.get(round),
            shares.get(round));
      }
      print("of the batcher's images per second", ratios);
      print("of CPU time is the batcher's", shares);
      if (many > 0) {
        double served = wrk(server, script, many);
        System.out.printf(Locale.ROOT, "%d connections: %.1f images/s%n", many, served);
      }
      // wrk leaves before its last answers have come.
      server.drain();
    }
  }

  private static void print(String what, List<Double> ratios) {
    Collections.sort(ratios);
    System.out.printf(
        Locale.ROOT,
        "median %.3f %s (%.3f to %.3f)%n",
        ratios.get(ratios.size() / 2),
        what,
        ratios.get(0),
        ratios.get(ratios.size() - 1));
  }

  /** Seconds that all CPUs have computed for this process. */
  private static double cpuSeconds() {
    return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getProcessCpuTime()
        / 1e9;
  }

  /**
   * What was seen.
   *
   * @param perSecond images
   * @param cpuSeconds that this process computed for each: unlike the first, the same beside others
   */
  private record Rate(double perSecond, double cpuSeconds) {}

  /** What one thread does again and again. */
  private interface Call {
    void run() throws IOException;
  }

  /** Images per second of threads that each wait for an answer before they submit the next. */
  private Rate submit(Batcher batcher, byte[] contents) throws InterruptedException {
    return rate(clients, number -> () -> batcher.submit(contents, RequestOptions.DEFAULT).join());
  }

  /** Images per second of threads with a connection each. */
  private Rate send(ModelServer server, byte[] contents) throws IOException, InterruptedException {
    List<Connection> connections = new ArrayList<>();
    try {
      for (int i = 0; i < clients; i++) {
        connections.add(
            new Connection(server.port(), "/v2/models/%s/infer".formatted(network), contents));
      }
      return rate(clients, number -> connections.get(number)::ask);
    } finally {
      for (Connection connection : connections) {
        connection.close();
      }
    }
  }

  private Rate rate(int threads, IntFunction<Call> calls) throws InterruptedException {
    AtomicLong answered = new AtomicLong();
    Queue<String> failures = new ConcurrentLinkedQueue<>();
    double cpu = cpuSeconds();
    long begin = System.nanoTime();
    long end = begin + 1_000_000_000L * seconds;
    List<Thread> all = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      Call call = calls.apply(i);
      all.add(
          new Thread(
              () -> {
                try {
                  while (System.nanoTime() - end < 0) {
                    call.run();
                    answered.incrementAndGet();
                  }
                } catch (IOException | RuntimeException e) {
                  failures.add(e.toString());
                }
              }));
    }
    all.forEach(Thread::start);
    for (Thread thread : all) {
      thread.join();
    }
    if (!failures.isEmpty()) {
      throw new IllegalStateException(failures.size() + " threads failed: " + failures.peek());
    }
    double elapsed = (System.nanoTime() - begin) / 1e9;
    return new Rate(answered.get() / elapsed, (cpuSeconds() - cpu) / answered.get());
  }

  /** Images per second of connections that each wait for an answer before they send the next. */
  private double wrk(ModelServer server, Path script, int connections)
      throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                "wrk",
                "--threads",
                "1",
                "--connections",
                Integer.toString(connections),
                "--duration",
                seconds + "s",
                "--timeout",
                "120s",
                "--script",
                script.toString(),
                "http://127.0.0.1:%d/v2/models/%s/infer".formatted(server.port(), network))
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), UTF_8);
    process.waitFor();
    Matcher wrong = WRONG.matcher(output);
    @Nullable String problem = wrong.find() ? wrong.group(1) : null;
    Matcher perSecond = PER_SECOND.matcher(output);
    if (problem != null || !perSecond.find()) {
      System.out.println("wrk says: " + (problem == null ? output : problem));
      return Double.NaN;
    }
    return Double.parseDouble(perSecond.group(1));
  }
}
