package io.resfuse.server;

import io.resfuse.server.grpc.GrpcServer;
import io.resfuse.server.inference.BodyMemory;
import io.resfuse.server.inference.Catalog;
import io.resfuse.server.inference.Control;
import io.resfuse.server.inference.InferenceService;
import io.resfuse.server.inference.Work;
import io.resfuse.server.metrics.ServerMetrics;
import io.resfuse.server.repository.Loading;
import io.resfuse.server.repository.ModelRepository;
import io.resfuse.server.rest.RestServer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A server: models, REST, gRPC. {@link #start} returns when it takes requests, {@link #drain} ends
 * it without losing one, {@link #close} at once. Thread-safe.
 */
public final class ModelServer implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(ModelServer.class);

  /** For how long connections must have been silent to be closed by a server that ends. */
  private static final Duration QUIET = Duration.ofSeconds(5);

  private final ServerOptions options;
  private final ServerMetrics metrics = new ServerMetrics();
  private final ModelRepository repository;
  private final Health health;
  private final Work work;
  private final BodyMemory bodies;
  private final ThreadPoolExecutor answers;
  private final RestServer rest;
  private final @Nullable GrpcServer grpc;
  private final ScheduledExecutorService poll =
      Executors.newSingleThreadScheduledExecutor(task -> daemon(task, "resfuse-server-poll"));

  private ModelServer(List<String> models, Loading loading, ServerOptions options) {
    this.options = options;
    this.repository = new ModelRepository(models, loading, metrics);
    this.health = new Health(repository);
    this.work = new Work(options.maxConcurrent());
    this.bodies = new BodyMemory(options.bodyMemory());
    int threads = Math.max(4, Runtime.getRuntime().availableProcessors());
    this.answers =
        new ThreadPoolExecutor(
            threads,
            threads,
            1,
            TimeUnit.MINUTES,
            new LinkedBlockingQueue<>(),
            task -> daemon(task, "resfuse-server-answers"));
    InferenceService service = new InferenceService(repository, work, metrics);
    Catalog catalog = new Catalog(repository, metrics);
    Control control = new Control(repository, options.control());
    ServerInfo info = ServerInfo.ofProgram();
    this.rest = new RestServer(options, info, health, catalog, control, service, bodies, metrics);
    this.grpc =
        options.grpcPort() < 0
            ? null
            : new GrpcServer(options, info, health, catalog, control, service, bodies, answers);
    metrics.gauge("resfuse.requests", "Requests that are not answered yet", work::count);
    metrics.gauge("resfuse.body.bytes", "Memory of requests' bodies", bodies::used);
  }

  private static Thread daemon(Runnable task, String name) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    return thread;
  }

  /**
   * Starts a server: it is live at once, and ready when the models are loaded.
   *
   * @param models folders, files, or names of models of the library's
   * @param loading how models are loaded
   * @param options where it listens, and limits
   * @return the server, to be drained or closed
   * @throws RuntimeException that says why it cannot be started
   */
  public static ModelServer start(List<String> models, Loading loading, ServerOptions options) {
    ModelServer server = new ModelServer(models, loading, options);
    boolean started = false;
    try {
      server.start();
      started = true;
      return server;
    } finally {
      if (!started) {
        server.close();
      }
    }
  }

  private void start() {
    rest.start();
    if (grpc != null) {
      grpc.start();
    }
    repository.open();
    health.open();
    if (grpc != null) {
      grpc.healthChanged();
    }
    long millis = options.poll().toMillis();
    if (millis > 0) {
      poll.scheduleWithFixedDelay(this::look, millis, millis, TimeUnit.MILLISECONDS);
    }
  }

  private void look() {
    try {
      repository.scan();
      if (grpc != null) {
        grpc.healthChanged();
      }
    } catch (RuntimeException | Error e) {
      // The timer would not come back.
      log.error("the models cannot be looked at", e);
    }
  }

  /**
   * Where REST listens.
   *
   * @return the port
   */
  public int port() {
    return rest.port();
  }

  /**
   * Where gRPC listens.
   *
   * @return the port; -1 if it does not
   */
  public int grpcPort() {
    return grpc == null ? -1 : grpc.port();
  }

  /**
   * Looks whether the models' files have changed, as the server does from time to time.
   *
   * @see ModelRepository#scan
   */
  public void scan() {
    look();
  }

  /**
   * Whether nothing is left of any request: for tests.
   *
   * @return true if no request is open or being served, and no body is in the memory
   */
  public boolean isIdle() {
    return work.count() == 0 && rest.openRequests() == 0 && bodies.used() == 0;
  }

  /**
   * Ends the server as Kubernetes wants it: it is not ready from now on, after a while takes no
   * more connections, answers all that was sent, and is closed.
   *
   * @return false if requests were left after the time for that
   */
  public boolean drain() throws InterruptedException {
    log.info("draining");
    health.drain();
    if (grpc != null) {
      grpc.healthChanged();
    }
    poll.shutdownNow();
    Thread.sleep(options.drainDelay().toMillis());
    Duration timeout = options.drainTimeout();
    long end = System.nanoTime() + timeout.toNanos();
    if (grpc != null) {
      grpc.refuseMore();
    }
    boolean all = rest.drain(QUIET, timeout);
    if (grpc != null) {
      all &= grpc.awaitEnd(Math.max(0, end - System.nanoTime()));
    }
    close();
    log.info(all ? "drained" : "gave up waiting for requests");
    return all;
  }

  @Override
  public void close() {
    health.drain();
    poll.shutdownNow();
    rest.close();
    if (grpc != null) {
      grpc.close();
    }
    repository.close();
    answers.shutdown();
    metrics.close();
  }
}
