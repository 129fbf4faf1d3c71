package io.resfuse.server.rest;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.javalin.Javalin;
import io.javalin.config.JavalinConfig;
import io.javalin.http.Context;
import io.javalin.http.HttpResponseException;
import io.resfuse.server.Health;
import io.resfuse.server.ServerInfo;
import io.resfuse.server.ServerOptions;
import io.resfuse.server.inference.Control;
import io.resfuse.server.inference.Failures;
import io.resfuse.server.inference.InferenceService;
import io.resfuse.server.metrics.ServerMetrics;
import io.resfuse.server.protocol.InferenceResponse;
import io.resfuse.server.protocol.ModelMetadata;
import io.resfuse.server.protocol.ServiceException;
import io.resfuse.server.protocol.ServiceException.Kind;
import io.resfuse.server.protocol.TensorMetadata;
import io.resfuse.server.repository.ModelRepository;
import io.resfuse.server.repository.ModelState;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.eclipse.jetty.server.ConnectionLimit;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.LowResourceMonitor;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * KServe's protocol over HTTP/1.1, the metrics and the page. Bodies are read and answers written as
 * they can be, without a thread for each.
 */
public final class RestServer implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(RestServer.class);
  private static final String JSON_LENGTH = "Inference-Header-Content-Length";
  private static final String JSON = "application/json";
  private static final ObjectMapper MAPPER = new ObjectMapper();

  /** Without a byte from the other side, between requests and within them. */
  private static final long IDLE_MILLIS = 60_000;

  private static final long LOOK_MILLIS = 5;

  private final ServerOptions options;
  private final ServerInfo info;
  private final Health health;
  private final ModelRepository repository;
  private final InferenceService service;
  private final Control control;
  private final ServerMetrics metrics;
  private final RequestReader reader;
  private final BodyMemory memory;
  private final OpenRequests open = new OpenRequests();
  private final ScheduledExecutorService timer =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "resfuse-server-timer");
            thread.setDaemon(true);
            return thread;
          });
  private final byte[] page = resource("page.html");
  private final Javalin app;
  private ServerConnector connector;
  private volatile boolean closing;

  /**
   * A server that does not listen yet.
   *
   * @param options where it listens, and limits
   * @param info what it says of itself
   * @param health whether it is ready
   * @param repository the models
   * @param service answers requests
   * @param metrics what is counted
   */
  public RestServer(
      ServerOptions options,
      ServerInfo info,
      Health health,
      ModelRepository repository,
      InferenceService service,
      ServerMetrics metrics) {
    this.options = options;
    this.info = info;
    this.health = health;
    this.repository = repository;
    this.service = service;
    this.control = new Control(repository, options.control());
    this.metrics = metrics;
    this.reader = new RequestReader(options.maxBody());
    this.memory = new BodyMemory(options.bodyMemory());
    this.connector = new ServerConnector(new Server());
    this.app = Javalin.create(this::configure);
    route();
    metrics.gauge("resfuse.http.requests", "Requests of HTTP that are open", open::count);
    metrics.gauge("resfuse.http.body.bytes", "Memory of their bodies", memory::used);
    metrics.gauge("resfuse.http.connections", "Connections", this::connections);
  }

  private void configure(JavalinConfig config) {
    config.showJavalinBanner = false;
    config.startupWatcherEnabled = false;
    config.http.disableCompression();
    config.http.asyncTimeout = 0L;
    QueuedThreadPool threads = new QueuedThreadPool(64, 4);
    threads.setName("resfuse-server-http");
    config.jetty.threadPool = threads;
    config.jetty.modifyServer(
        server -> {
          server.setErrorHandler(new JsonErrors());
          // Javalin's: where threads are few, it would end every connection that is silent for a
          // second, also those whose requests are being served.
          server.getBeans(LowResourceMonitor.class).forEach(server::removeBean);
        });
    config.jetty.addConnector(
        (server, http) -> {
          connector = connector(server, http);
          return connector;
        });
  }

  private ServerConnector connector(Server server, HttpConfiguration http) {
    http.setSendServerVersion(false);
    http.setSendDateHeader(false);
    // So that a body that is too large is refused, and a slow one timed, before its first byte.
    http.setDelayDispatchUntilContent(false);
    ServerConnector made = new ServerConnector(server, 1, 1, new HttpConnectionFactory(http));
    made.setHost(options.host());
    made.setPort(options.port());
    made.setIdleTimeout(IDLE_MILLIS);
    made.setAcceptQueueSize(1024);
    made.addBean(open);
    server.addBean(new ConnectionLimit(options.maxConnections(), made));
    return made;
  }

  private void route() {
    app.before(
        context -> {
          if (closing) {
            context.header("Connection", "close");
          }
        });
    app.get("/", context -> send(context, "text/html; charset=utf-8", page));
    app.get("/status", context -> json(context, status()));
    app.get(
        "/metrics",
        context ->
            send(
                context,
                "text/plain; version=0.0.4; charset=utf-8",
                metrics.scrape().getBytes(StandardCharsets.UTF_8)));
    app.get("/v2", context -> json(context, info.asMap()));
    app.get("/v2/health/live", context -> json(context, Map.of("live", true)));
    app.get("/v2/health/ready", context -> ready(context, health.isReady()));
    for (String path : List.of("/v2/models/{model}", "/v2/models/{model}/versions/{version}")) {
      app.get(
          path,
          context -> json(context, asMap(service.metadata(model(context), version(context)))));
      app.get(
          path + "/ready",
          context -> ready(context, service.isReady(model(context), version(context))));
      app.post(path + "/infer", this::begin);
    }
    app.post("/v2/repository/index", context -> json(context, index()));
    app.post("/v2/repository/models/{model}/load", context -> control(context, control::load));
    app.post("/v2/repository/models/{model}/unload", context -> control(context, control::unload));
    app.exception(HttpResponseException.class, RestServer::fail);
    app.exception(Exception.class, (e, context) -> fail(Failures.of(e), context));
  }

  private static String model(Context context) {
    return context.pathParam("model");
  }

  private static String version(Context context) {
    return context.pathParamMap().getOrDefault("version", "");
  }

  private static void ready(Context context, boolean ready) {
    context.status(ready ? 200 : 503);
    json(context, Map.of("ready", ready));
  }

  private static void control(Context context, Consumer<String> action) {
    action.accept(model(context));
    json(context, Map.of());
  }

  private void begin(Context context) {
    try {
      BodyReader.check(context.req(), options.maxBody());
    } catch (ServiceException e) {
      // The body is not read.
      context.header("Connection", "close");
      OpenRequests.abandon(context.req());
      throw service.refuse(e);
    }
    context.future(() -> infer(context));
  }

  private CompletableFuture<?> infer(Context context) {
    BodyReader body;
    try {
      body =
          BodyReader.read(context.req(), memory, options.maxBody(), options.readTimeout(), timer);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    String jsonLength = context.header(JSON_LENGTH);
    return body.body()
        .thenApply(whole -> reader.read(model(context), version(context), whole, jsonLength))
        .handle(
            (request, failure) -> {
              if (failure != null) {
                throw service.refuse(failure);
              }
              return request;
            })
        .thenCompose(service::infer)
        .thenCompose(response -> write(context, response))
        .whenComplete(
            (done, failure) -> {
              body.free();
              if (failure != null && !body.isWhole()) {
                OpenRequests.abandon(context.req());
                context.res().setHeader("Connection", "close");
              }
            });
  }

  private static CompletableFuture<Void> write(Context context, InferenceResponse response) {
    ResponseWriter.Written written;
    try {
      written = ResponseWriter.write(response);
    } catch (OutOfMemoryError e) {
      throw Failures.of(e);
    }
    if (written.jsonLength() < 0) {
      context.contentType(JSON);
    } else {
      context.contentType("application/octet-stream");
      context.header(JSON_LENGTH, Integer.toString(written.jsonLength()));
    }
    return write(context, written.bytes());
  }

  private static CompletableFuture<Void> write(Context context, byte[] bytes) {
    // Whoever does not take the answer has gone: there is nobody to tell.
    return BodyWriter.write(context.res(), bytes)
        .exceptionally(
            gone -> {
              log.debug("an answer was not taken", gone);
              return null;
            });
  }

  private static void fail(HttpResponseException failure, Context context) {
    String message = failure.getMessage();
    error(
        context,
        failure.getStatus(),
        message == null || failure.getStatus() == 404
            ? "there is no "
                + context.method()
                + " "
                + context.path()
                + "; /v2 begins KServe's protocol"
            : message);
  }

  private static void fail(ServiceException failure, Context context) {
    if (failure.kind() == Kind.OVERLOADED) {
      context.header("Retry-After", "1");
    }
    error(context, status(failure.kind()), String.valueOf(failure.getMessage()));
  }

  private static int status(Kind kind) {
    return switch (kind) {
      case INVALID -> 400;
      case FORBIDDEN -> 403;
      case NOT_FOUND -> 404;
      case TOO_SLOW -> 408;
      case TOO_LARGE -> 413;
      case OVERLOADED -> 429;
      case FAILED -> 500;
      case UNAVAILABLE -> 503;
      case DEADLINE -> 504;
    };
  }

  private static void error(Context context, int status, String message) {
    if (context.res().isCommitted()) {
      return;
    }
    context.status(status).contentType(JSON).result(error(message));
  }

  private static void json(Context context, Object value) {
    try {
      send(context, JSON, MAPPER.writeValueAsBytes(value));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What a handler ends with. */
  private static void send(Context context, String type, byte[] bytes) {
    context.contentType(type);
    context.future(() -> write(context, bytes));
  }

  private static Map<String, Object> asMap(ModelMetadata model) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("name", model.name());
    map.put("versions", model.versions());
    map.put("platform", model.platform());
    map.put("inputs", tensors(model.inputs()));
    map.put("outputs", tensors(model.outputs()));
    return map;
  }

  private static List<Map<String, Object>> tensors(List<TensorMetadata> tensors) {
    List<Map<String, Object>> list = new ArrayList<>();
    for (TensorMetadata tensor : tensors) {
      Map<String, Object> map = new LinkedHashMap<>();
      map.put("name", tensor.name());
      map.put("datatype", tensor.datatype());
      map.put("shape", tensor.shape());
      list.add(map);
    }
    return list;
  }

  private List<Map<String, Object>> index() {
    List<Map<String, Object>> index = new ArrayList<>();
    for (ModelState state : repository.index()) {
      Map<String, Object> map = new LinkedHashMap<>();
      map.put("name", state.name());
      map.put("version", state.version());
      map.put("state", state.state());
      map.put("reason", state.reason());
      index.add(map);
    }
    return index;
  }

  /** What the page shows. */
  private Map<String, Object> status() {
    List<Map<String, Object>> models = new ArrayList<>();
    for (Map<String, Object> line : index()) {
      Map<String, Object> map = new LinkedHashMap<>(line);
      metrics
          .of(String.valueOf(line.get("name")), String.valueOf(line.get("version")))
          .summary()
          .forEach((name, number) -> map.put(name, number(number)));
      models.add(map);
    }
    Map<String, Object> status = new LinkedHashMap<>();
    status.put("ready", health.isReady());
    status.put("connections", connections());
    status.put("requests", open.count());
    status.put("models", models);
    return status;
  }

  /** JSON has no NaN. */
  private static Object number(Number number) {
    return number instanceof Double real && real.isNaN() ? "" : number;
  }

  private int connections() {
    return connector.getConnectedEndPoints().size();
  }

  /** Begins to listen. */
  public void start() {
    app.start();
  }

  /**
   * Where it listens.
   *
   * @return the port
   */
  public int port() {
    return connector.getLocalPort();
  }

  /**
   * Takes no more connections, tells those that there are with each answer that it is their last,
   * and waits until they have gone, or until none has asked for anything for a while: nothing that
   * was sent is lost.
   *
   * @param quiet what a while is
   * @param timeout the longest wait for all
   * @return false if there were requests still
   */
  public boolean drain(Duration quiet, Duration timeout) throws InterruptedException {
    closing = true;
    connector.close();
    long begin = System.nanoTime();
    long seen = open.events();
    // Looks rather than time are counted: a machine that stands still hears nobody.
    long quietLooks = 0;
    while (System.nanoTime() - begin < timeout.toNanos()) {
      boolean none = open.count() == 0;
      quietLooks = none && open.events() == seen ? quietLooks + 1 : 0;
      seen = open.events();
      if (none && (connections() == 0 || quietLooks >= quiet.toMillis() / LOOK_MILLIS)) {
        return true;
      }
      TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
    }
    return open.count() == 0;
  }

  @Override
  public void close() {
    app.stop();
    timer.shutdownNow();
  }

  private static byte[] resource(String name) {
    try (InputStream stream = RestServer.class.getResourceAsStream("/io/resfuse/server/" + name)) {
      if (stream == null) {
        throw new IllegalStateException("no resource " + name);
      }
      return stream.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * How many requests have begun, and are not answered to the last byte.
   *
   * @return requests
   */
  public int openRequests() {
    return open.count();
  }

  /**
   * What bodies take of the memory: nothing, where there are no requests.
   *
   * @return bytes
   */
  public long bodyMemoryUsed() {
    return memory.used();
  }

  /** An error in the protocol's form. */
  static byte[] error(String message) {
    try {
      return MAPPER.writeValueAsBytes(Map.of("error", message));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
