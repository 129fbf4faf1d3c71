package io.resfuse.server.rest;

import io.resfuse.server.ServerOptions;
import io.resfuse.server.TlsFiles;
import java.util.concurrent.atomic.AtomicReference;
import org.eclipse.jetty.server.ConnectionLimit;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.LowResourceMonitor;
import org.eclipse.jetty.server.SecureRequestCustomizer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.jspecify.annotations.Nullable;

/** Where REST listens, with what limits, and how Jetty is to be for that. */
final class HttpPort {
  /** Without a byte from the other side, between requests and within them. */
  private static final long IDLE_MILLIS = 60_000;

  private final ServerOptions options;
  private final OpenRequests open = new OpenRequests();
  private final AtomicReference<@Nullable ServerConnector> connector = new AtomicReference<>();

  HttpPort(ServerOptions options) {
    this.options = options;
  }

  static QueuedThreadPool threads() {
    QueuedThreadPool threads = new QueuedThreadPool(64, 4);
    threads.setName("resfuse-server-http");
    return threads;
  }

  static void prepare(Server server) {
    server.setErrorHandler(new JsonErrors());
    // Javalin's: where threads are few, it would end every connection that is silent for a second,
    // also those whose requests are being served.
    server.getBeans(LowResourceMonitor.class).forEach(server::removeBean);
  }

  /** The one connector of a server. */
  ServerConnector connect(Server server, HttpConfiguration http) {
    http.setSendServerVersion(false);
    http.setSendDateHeader(false);
    // So that a body that is too large is refused, and a slow one timed, before its first byte.
    http.setDelayDispatchUntilContent(false);
    HttpConnectionFactory plain = new HttpConnectionFactory(http);
    ServerConnector made;
    TlsFiles tls = options.tls();
    if (tls == null) {
      made = new ServerConnector(server, 1, 1, plain);
    } else {
      // Names of hosts are the clients' to check: whoever has the address may ask by any.
      http.addCustomizer(new SecureRequestCustomizer(false));
      SslContextFactory.Server secure = new SslContextFactory.Server();
      secure.setKeyStore(tls.keyStore());
      secure.setKeyStorePassword("");
      made =
          new ServerConnector(
              server, 1, 1, new SslConnectionFactory(secure, plain.getProtocol()), plain);
    }
    made.setHost(options.host());
    made.setPort(options.port());
    made.setIdleTimeout(IDLE_MILLIS);
    made.setAcceptQueueSize(1024);
    made.addBean(open);
    server.addBean(new ConnectionLimit(options.maxConnections(), made));
    connector.set(made);
    return made;
  }

  private ServerConnector connector() {
    ServerConnector made = connector.get();
    if (made == null) {
      throw new IllegalStateException("the server does not listen yet");
    }
    return made;
  }

  int number() {
    return connector().getLocalPort();
  }

  /** Connections that are open. */
  int connections() {
    ServerConnector made = connector.get();
    return made == null ? 0 : made.getConnectedEndPoints().size();
  }

  /** Requests that are not answered to the last byte. */
  OpenRequests open() {
    return open;
  }

  /** Takes no more connections. */
  void refuseMore() {
    connector().close();
  }
}
