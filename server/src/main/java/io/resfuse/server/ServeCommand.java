package io.resfuse.server;

import io.resfuse.batch.BatchOptions;
import io.resfuse.cli.EngineChoice;
import io.resfuse.engine.Engine;
import io.resfuse.engine.Precision;
import io.resfuse.server.repository.Loading;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Properties;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code resfuse serve}. */
@Command(
    name = "resfuse serve",
    description =
        "Serves models over REST and gRPC in KServe's protocol (Open Inference Protocol, version"
            + " 2), with Prometheus' metrics at /metrics and a page for people at /.",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    usageHelpAutoWidth = true,
    abbreviateSynopsis = true,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:it was told to end (SIGTERM, Ctrl-C), and has answered all that it was sent",
      "1:something failed; the first line on standard error says what, and what to do",
      "2:wrong use"
    },
    footer = {
      "",
      "A folder of models has weight files (NAME.safetensors, ...), folders with weights (NAME/), or"
          + " folders with versions (NAME/1/, NAME/2/). It is watched: what changes in it is loaded,"
          + " takes the place of what was, and no request is lost."
    })
public final class ServeCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "FOLDER|FILE|NAME",
      description =
          "Serve the models in this folder, this file of weights, or a model that 'resfuse weights'"
              + " lists. May be given several times.")
  private List<String> models = List.of();

  @Option(
      names = "--host",
      paramLabel = "ADDRESS",
      description = "Listen on this address; 0.0.0.0 for all (default: ${DEFAULT-VALUE}).")
  private String host = "127.0.0.1";

  @Option(
      names = "--port",
      paramLabel = "N",
      description = "REST; 0 for any (default: ${DEFAULT-VALUE}).")
  private int port = 8000;

  @Option(
      names = "--grpc-port",
      paramLabel = "N",
      description = "gRPC; 0 for any, -1 for none (default: ${DEFAULT-VALUE}).")
  private int grpcPort = 8001;

  @Option(
      names = "--tls-cert",
      paramLabel = "FILE",
      description =
          "Encrypt the connections of both: the server's certificate as PEM, and behind it those that"
              + " lead to its authority.")
  private @Nullable Path tlsCertificate;

  @Option(
      names = "--tls-key",
      paramLabel = "FILE",
      description = "The certificate's private key as PEM, in PKCS #8 without a password.")
  private @Nullable Path tlsKey;

  @Mixin private EngineChoice engine;

  @Option(
      names = "--batch-sizes",
      split = ",",
      paramLabel = "N",
      description = "Sizes of batches for which plans are made (default: ${DEFAULT-VALUE}).")
  private List<Integer> batchSizes = List.of(1, 4, 16);

  @Option(
      names = "--queue-delay",
      paramLabel = "MS",
      description =
          "How many milliseconds a request waits for others while the device is free (default:"
              + " ${DEFAULT-VALUE}).")
  private double queueDelay = 5;

  @Option(
      names = "--queue-size",
      paramLabel = "N",
      description = "How many images of a model may wait (default: ${DEFAULT-VALUE}).")
  private int queueSize = 4096;

  @Option(
      names = "--priorities",
      paramLabel = "N",
      description = "How many levels of priority there are (default: ${DEFAULT-VALUE}).")
  private int priorities = 1;

  @Option(
      names = "--decoders",
      paramLabel = "N",
      description = "Threads that decode pictures, of each model (default: all cores).")
  private int decoders;

  @Option(
      names = "--max-body",
      paramLabel = "MIB",
      description = "The largest request (default: ${DEFAULT-VALUE} MiB).")
  private int maxBody = 64;

  @Option(
      names = "--max-pixels",
      paramLabel = "N",
      description = "Of a picture, in millions (default: ${DEFAULT-VALUE}).")
  private int maxPixels = 50;

  @Option(
      names = "--max-concurrent",
      paramLabel = "N",
      description =
          "Requests that are served at once; more are refused (default: ${DEFAULT-VALUE}).")
  private int maxConcurrent = 4096;

  @Option(
      names = "--max-connections",
      paramLabel = "N",
      description = "Connections of REST; more wait (default: ${DEFAULT-VALUE}).")
  private int maxConnections = 10_000;

  @Option(
      names = "--read-timeout",
      paramLabel = "S",
      description = "In which the body of a request must come (default: ${DEFAULT-VALUE} seconds).")
  private double readTimeout = 30;

  @Option(
      names = "--poll",
      paramLabel = "S",
      description =
          "How often to look whether files have changed; 0 for never (default: ${DEFAULT-VALUE}"
              + " seconds).")
  private double poll = 2;

  @Option(names = "--control", description = "Allow clients to load and unload models.")
  private boolean control;

  @Option(
      names = "--drain-delay",
      paramLabel = "S",
      description =
          "After SIGTERM, take connections for so long, not ready any more, until load balancers"
              + " know (default: ${DEFAULT-VALUE} seconds).")
  private double drainDelay = 1;

  @Option(
      names = "--drain-timeout",
      paramLabel = "S",
      description =
          "Then wait for requests for so long at most (default: ${DEFAULT-VALUE} seconds).")
  private double drainTimeout = 25;

  @Option(names = "--debug", description = "Print the stack trace of a failure.")
  private boolean debug;

  private ServeCommand() {}

  /**
   * Serves until the process is told to end, and ends it with the command's exit code.
   *
   * @param arguments of the command line
   */
  public static void main(String[] arguments) {
    Locale.setDefault(Locale.ROOT);
    Properties properties = System.getProperties();
    String prefix = "org.slf4j.simpleLogger.";
    properties.putIfAbsent(prefix + "logFile", "System.err");
    properties.putIfAbsent(prefix + "showDateTime", "true");
    properties.putIfAbsent(prefix + "dateTimeFormat", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX");
    properties.putIfAbsent(prefix + "showThreadName", "false");
    properties.putIfAbsent(prefix + "showLogName", "false");
    for (String loud : List.of("org.eclipse.jetty", "io.javalin", "io.jhdf")) {
      properties.putIfAbsent(prefix + "log." + loud, "warn");
    }
    // Warns of each client that did not send what it promised.
    properties.putIfAbsent(prefix + "log.org.eclipse.jetty.server.HttpConnection", "error");
    System.exit(run(arguments));
  }

  /**
   * Runs the command.
   *
   * @param arguments of the command line
   * @return the exit code
   */
  static int run(String... arguments) {
    ServeCommand command = new ServeCommand();
    CommandLine line = new CommandLine(command);
    line.setExecutionExceptionHandler((failure, failed, parsed) -> command.report(failure));
    return line.execute(arguments);
  }

  private int report(Exception failure) {
    PrintWriter err = spec.commandLine().getErr();
    String message = failure.getMessage() == null ? failure.toString() : failure.getMessage();
    Throwable cause = failure.getCause();
    if (cause instanceof java.io.IOException && cause.getMessage() != null) {
      message = message + " (" + cause.getMessage() + ")";
    }
    err.println("resfuse: " + message);
    if (debug) {
      failure.printStackTrace(err);
    }
    err.flush();
    return 1;
  }

  @Override
  public Integer call() throws InterruptedException {
    ServerOptions options = options();
    BatchOptions batching = batching();
    Precision precision = engine.precision();
    PrintWriter out = spec.commandLine().getOut();
    EndSignal end = EndSignal.install();
    try (Engine opened = engine.open();
        ModelServer server =
            ModelServer.start(models, new Loading(opened, precision, batching), options)) {
      String grpc = server.grpcPort() < 0 ? "" : ", gRPC on port " + server.grpcPort();
      // In one piece, since scripts wait for it.
      out.println(
          "serving on %s://%s:%d%s, engine %s"
              .formatted(
                  options.tls() == null ? "http" : "https",
                  host,
                  server.port(),
                  grpc,
                  opened.description()));
      out.flush();
      end.await();
      return server.drain() ? 0 : 1;
    }
  }

  private ServerOptions options() {
    require(maxBody >= 1 && maxBody <= 1024, "--max-body is 1 to 1024 MiB.");
    require(maxConcurrent >= 1, "--max-concurrent is at least 1.");
    require(maxConnections >= 1, "--max-connections is at least 1.");
    require(maxPixels >= 1, "--max-pixels is at least 1.");
    require(readTimeout > 0, "--read-timeout is more than 0.");
    require(poll >= 0 && drainDelay >= 0 && drainTimeout >= 0, "times are 0 or more.");
    return new ServerOptions(
        host,
        port,
        grpcPort,
        tls(),
        maxBody << 20,
        maxConcurrent,
        maxConnections,
        Runtime.getRuntime().maxMemory() / 2,
        seconds(readTimeout),
        seconds(poll),
        control,
        seconds(drainDelay),
        seconds(drainTimeout));
  }

  private @Nullable TlsFiles tls() {
    Path certificate = tlsCertificate;
    Path key = tlsKey;
    require((certificate == null) == (key == null), "--tls-cert and --tls-key go together.");
    if (certificate == null || key == null) {
      return null;
    }
    TlsFiles files = new TlsFiles(certificate, key);
    // What is wrong with them is said before models are loaded.
    files.keyStore();
    return files;
  }

  private BatchOptions batching() {
    return BatchOptions.defaults()
        .withQueueSize(queueSize)
        .withPreferredBatchSizes(batchSizes)
        .withMaxQueueDelay(Duration.ofNanos(Math.round(queueDelay * 1e6)))
        .withPriorities(priorities)
        .withDecoders(decoders)
        .withMaxPixels(1_000_000L * maxPixels);
  }

  private void require(boolean isSo, String otherwise) {
    if (!isSo) {
      throw new ParameterException(spec.commandLine(), otherwise);
    }
  }

  private static Duration seconds(double seconds) {
    return Duration.ofMillis(Math.round(1e3 * seconds));
  }
}
