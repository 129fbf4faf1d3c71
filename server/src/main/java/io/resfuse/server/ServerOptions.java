package io.resfuse.server;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Where a server listens, and what it lets others do to it.
 *
 * @param host address that it listens on
 * @param port of REST; 0 for any
 * @param grpcPort of gRPC; 0 for any, -1 for none
 * @param tls certificate and key of both; null for connections that are not encrypted
 * @param maxBody bytes of a request
 * @param maxConcurrent requests at once
 * @param maxConnections of REST at once
 * @param bodyMemory bytes of all requests together that are read or not answered yet
 * @param readTimeout for the body of a request
 * @param poll how often the models' files are looked at; zero for never
 * @param control whether clients may load and unload models
 * @param drainDelay how long a server that was told to end takes connections, not ready any more
 * @param drainTimeout how long it then waits for what it has
 */
public record ServerOptions(
    String host,
    int port,
    int grpcPort,
    @Nullable TlsFiles tls,
    int maxBody,
    int maxConcurrent,
    int maxConnections,
    long bodyMemory,
    Duration readTimeout,
    Duration poll,
    boolean control,
    Duration drainDelay,
    Duration drainTimeout) {}
