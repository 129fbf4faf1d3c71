package io.resfuse.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.protobuf.ByteString;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.resfuse.batch.BatchOptions;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.server.grpc.proto.InferTensorContents;
import io.resfuse.server.grpc.proto.ModelInferRequest;
import io.resfuse.server.repository.Loading;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * A server on a loopback port with the network that the library brings, and what is needed to talk
 * to it.
 */
final class TestServer implements AutoCloseable {
  static final String MODEL = "resnet20-fashion-mnist";
  static final Path PICTURES = Path.of("../examples/fashion-mnist");
  static final ObjectMapper MAPPER = new ObjectMapper();

  /** What tests hardly ever change. */
  static final ServerOptions OPTIONS =
      new ServerOptions(
          "127.0.0.1",
          0,
          0,
          null,
          1 << 20,
          4096,
          4096,
          256L << 20,
          Duration.ofMinutes(5),
          Duration.ZERO,
          true,
          Duration.ZERO,
          Duration.ofMinutes(2));

  /** As many as there may be, since nothing here is measured. */
  static final BatchOptions BATCHING =
      BatchOptions.defaults()
          .withPreferredBatchSizes(List.of(1, 4))
          .withMaxQueueDelay(Duration.ofMillis(1))
          .withQueueSize(4096)
          .withMaxPixels(1_000_000);

  private final Engine engine;
  private final ModelServer server;
  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  private TestServer(Engine engine, ModelServer server) {
    this.engine = engine;
    this.server = server;
  }

  static TestServer start() {
    return start(List.of(MODEL), OPTIONS, BATCHING);
  }

  static TestServer start(List<String> models, ServerOptions options, BatchOptions batching) {
    Engine engine = Engines.open("onednn", EngineOptions.defaults().withBatchInvariant(true));
    try {
      return new TestServer(
          engine, ModelServer.start(models, new Loading(engine, null, batching), options));
    } catch (RuntimeException e) {
      engine.close();
      throw e;
    }
  }

  ModelServer server() {
    return server;
  }

  Engine engine() {
    return engine;
  }

  int port() {
    return server.port();
  }

  /** For gRPC, to be ended by {@code shutdownNow}. */
  ManagedChannel channel() {
    return channel(server.grpcPort());
  }

  static ManagedChannel channel(int grpcPort) {
    return ManagedChannelBuilder.forAddress("127.0.0.1", grpcPort).usePlaintext().build();
  }

  /** For gRPC: one picture, and no model yet. */
  static ModelInferRequest.Builder pictureRequest(byte[] picture) {
    ModelInferRequest.Builder request = ModelInferRequest.newBuilder();
    request
        .addInputsBuilder()
        .setName("image")
        .setDatatype("BYTES")
        .addShape(1)
        .setContents(
            InferTensorContents.newBuilder().addBytesContents(ByteString.copyFrom(picture)));
    return request;
  }

  URI uri(String path) {
    return URI.create("http://127.0.0.1:" + port() + path);
  }

  HttpResponse<byte[]> get(String path) throws IOException, InterruptedException {
    return client.send(
        HttpRequest.newBuilder(uri(path)).build(), HttpResponse.BodyHandlers.ofByteArray());
  }

  HttpResponse<byte[]> post(String path, byte[] body, String... headers)
      throws IOException, InterruptedException {
    return client.send(request(path, body, headers), HttpResponse.BodyHandlers.ofByteArray());
  }

  HttpRequest request(String path, byte[] body, String... headers) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri(path)).POST(HttpRequest.BodyPublishers.ofByteArray(body));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return request.build();
  }

  HttpResponse<byte[]> post(String path, String json) throws IOException, InterruptedException {
    return post(path, json.getBytes(StandardCharsets.UTF_8));
  }

  /** Sends the contents of a picture's file and nothing else. */
  HttpResponse<byte[]> classify(byte[] picture) throws IOException, InterruptedException {
    return post(infer(MODEL), picture, "Inference-Header-Content-Length", "0");
  }

  static String infer(String model) {
    return "/v2/models/" + model + "/infer";
  }

  static byte[] picture(String name) {
    try {
      return Files.readAllBytes(PICTURES.resolve(name + ".png"));
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  static JsonNode json(HttpResponse<byte[]> response) throws IOException {
    return MAPPER.readTree(response.body());
  }

  /** JSON and the elements of BYTES behind it. */
  static byte[] binary(String json, byte[]... elements) throws IOException {
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    body.write(json.getBytes(StandardCharsets.UTF_8));
    for (byte[] element : elements) {
      body.write(
          ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(element.length).array());
      body.write(element);
    }
    return body.toByteArray();
  }

  @Override
  public void close() {
    server.close();
    engine.close();
  }
}
