package io.resfuse.server.grpc;

import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.ServerCredentials;
import io.grpc.TlsServerCredentials;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.resfuse.server.Health;
import io.resfuse.server.ServerInfo;
import io.resfuse.server.ServerOptions;
import io.resfuse.server.TlsFiles;
import io.resfuse.server.grpc.proto.GRPCInferenceServiceGrpc;
import io.resfuse.server.inference.BodyMemory;
import io.resfuse.server.inference.Catalog;
import io.resfuse.server.inference.Control;
import io.resfuse.server.inference.InferenceService;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** KServe's protocol over gRPC, with gRPC's own health service. */
public final class GrpcServer implements AutoCloseable {
  private final Health health;
  private final HealthStatusManager status = new HealthStatusManager();
  private final Server server;

  /**
   * A server that does not listen yet.
   *
   * @param options where it listens, and limits
   * @param info what it says of itself
   * @param health whether it is ready
   * @param catalog the models
   * @param control loads and unloads them
   * @param service answers requests
   * @param memory of the messages of requests
   * @param executor on which calls run
   */
  public GrpcServer(
      ServerOptions options,
      ServerInfo info,
      Health health,
      Catalog catalog,
      Control control,
      InferenceService service,
      BodyMemory memory,
      Executor executor) {
    this.health = health;
    this.server =
        NettyServerBuilder.forAddress(
                new InetSocketAddress(options.host(), options.grpcPort()),
                credentials(options.tls()))
            .executor(executor)
            .maxInboundMessageSize(options.maxBody())
            .maxConcurrentCallsPerConnection(options.maxConcurrent())
            .maxConnectionIdle(10, TimeUnit.MINUTES)
            .addStreamTracerFactory(MessageMemory.factory(memory, service))
            .addService(new GrpcService(info, health, catalog, control, service, executor))
            .addService(status.getHealthService())
            .build();
    healthChanged();
  }

  private static ServerCredentials credentials(@Nullable TlsFiles tls) {
    if (tls == null) {
      return InsecureServerCredentials.create();
    }
    try {
      return TlsServerCredentials.create(tls.certificate().toFile(), tls.key().toFile());
    } catch (IOException e) {
      throw new UncheckedIOException("the files for TLS cannot be read: " + e.getMessage(), e);
    }
  }

  /** Begins to listen. */
  public void start() {
    try {
      server.start();
    } catch (IOException e) {
      throw new UncheckedIOException("gRPC cannot listen: " + e.getMessage(), e);
    }
  }

  /**
   * Where it listens.
   *
   * @return the port
   */
  public int port() {
    return server.getPort();
  }

  /** Has the health service say what is true now. */
  public void healthChanged() {
    ServingStatus now = health.isReady() ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
    status.setStatus(HealthStatusManager.SERVICE_NAME_ALL_SERVICES, now);
    status.setStatus(GRPCInferenceServiceGrpc.SERVICE_NAME, now);
  }

  /** Takes no more connections and calls; those that there are go on. */
  public void refuseMore() {
    server.shutdown();
  }

  /**
   * Waits for the calls that there are.
   *
   * @param nanos the longest wait
   * @return false if there were calls still
   */
  public boolean awaitEnd(long nanos) throws InterruptedException {
    return server.awaitTermination(nanos, TimeUnit.NANOSECONDS);
  }

  @Override
  public void close() {
    server.shutdownNow();
  }
}
