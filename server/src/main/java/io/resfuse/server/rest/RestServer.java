package io.resfuse.server.rest;

import io.javalin.Javalin;
import io.javalin.config.JavalinConfig;
import io.resfuse.server.Health;
import io.resfuse.server.ServerInfo;
import io.resfuse.server.ServerOptions;
import io.resfuse.server.inference.BodyMemory;
import io.resfuse.server.inference.Catalog;
import io.resfuse.server.inference.Control;
import io.resfuse.server.inference.InferenceService;
import io.resfuse.server.metrics.ServerMetrics;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * KServe's protocol over HTTP/1.1, the metrics and the page. Bodies are read and answers written as
 * they can be, without a thread for each.
 */
public final class RestServer implements AutoCloseable {
  private static final long LOOK_MILLIS = 5;

  private final HttpPort port;
  private final InferRoute infer;
  private final Javalin app;
  private volatile boolean closing;

  /**
   * A server that does not listen yet.
   *
   * @param options where it listens, and limits
   * @param info what it says of itself
   * @param health whether it is ready
   * @param catalog the models
   * @param control loads and unloads them
   * @param service answers requests
   * @param memory of the bodies of requests
   * @param metrics what is counted
   */
  public RestServer(
      ServerOptions options,
      ServerInfo info,
      Health health,
      Catalog catalog,
      Control control,
      InferenceService service,
      BodyMemory memory,
      ServerMetrics metrics) {
    this.port = new HttpPort(options);
    this.infer = new InferRoute(options, service, memory);
    this.app = Javalin.create(this::configure);
    app.before(
        context -> {
          if (closing) {
            context.header("Connection", "close");
          }
        });
    new Routes(info, health, catalog, control, infer).add(app);
    new StatusRoutes(health, catalog, metrics, port::connections, this::openRequests).add(app);
    metrics.gauge("resfuse.http.requests", "Requests of HTTP that are open", this::openRequests);
    metrics.gauge("resfuse.http.connections", "Connections", port::connections);
  }

  private void configure(JavalinConfig config) {
    config.showJavalinBanner = false;
    config.startupWatcherEnabled = false;
    config.http.disableCompression();
    config.http.asyncTimeout = 0L;
    config.jetty.threadPool = HttpPort.threads();
    config.jetty.modifyServer(HttpPort::prepare);
    config.jetty.addConnector(port::connect);
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
    return port.number();
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
    port.refuseMore();
    OpenRequests open = port.open();
    long begin = System.nanoTime();
    long seen = open.events();
    // Looks rather than time are counted: a machine that stands still hears nobody.
    long quietLooks = 0;
    while (System.nanoTime() - begin < timeout.toNanos()) {
      boolean none = open.count() == 0;
      quietLooks = none && open.events() == seen ? quietLooks + 1 : 0;
      seen = open.events();
      if (none && (port.connections() == 0 || quietLooks >= quiet.toMillis() / LOOK_MILLIS)) {
        return true;
      }
      TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
    }
    return open.count() == 0;
  }

  @Override
  public void close() {
    app.stop();
    infer.close();
  }

  /**
   * How many requests have begun, and are not answered to the last byte.
   *
   * @return requests
   */
  public int openRequests() {
    return port.open().count();
  }
}
