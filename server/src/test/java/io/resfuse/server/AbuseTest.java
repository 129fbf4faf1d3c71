package io.resfuse.server;

import static io.resfuse.server.TestServer.MODEL;
import static io.resfuse.server.TestServer.OPTIONS;
import static io.resfuse.server.TestServer.binary;
import static io.resfuse.server.TestServer.infer;
import static io.resfuse.server.TestServer.json;
import static io.resfuse.server.TestServer.picture;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.resfuse.batch.BatchOptions;
import io.resfuse.server.grpc.proto.GRPCInferenceServiceGrpc;
import io.resfuse.server.grpc.proto.ModelInferRequest;
import io.resfuse.server.grpc.proto.ModelInferResponse;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Clients that are slow, broken, greedy or many: the others are served, and nothing is left. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class AbuseTest {
  private static TestServer start(ServerOptions options) {
    return TestServer.start(List.of(MODEL), options, TestServer.BATCHING);
  }

  private static ServerOptions with(int maxConcurrent, Duration readTimeout) {
    return with(maxConcurrent, readTimeout, OPTIONS.drainTimeout());
  }

  private static ServerOptions with(
      int maxConcurrent, Duration readTimeout, Duration drainTimeout) {
    return with(maxConcurrent, readTimeout, drainTimeout, OPTIONS.bodyMemory());
  }

  private static ServerOptions with(
      int maxConcurrent, Duration readTimeout, Duration drainTimeout, long bodyMemory) {
    return new ServerOptions(
        OPTIONS.host(),
        0,
        0,
        OPTIONS.tls(),
        OPTIONS.maxBody(),
        maxConcurrent,
        OPTIONS.maxConnections(),
        bodyMemory,
        readTimeout,
        OPTIONS.poll(),
        OPTIONS.control(),
        OPTIONS.drainDelay(),
        drainTimeout);
  }

  private static Socket connect(TestServer server, String text) throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port());
    socket.setSoTimeout(600_000);
    socket.getOutputStream().write(text.getBytes(ISO_8859_1));
    socket.getOutputStream().flush();
    return socket;
  }

  private static String head(int contentLength) {
    return "POST %s HTTP/1.1\r\nHost: x\r\nInference-Header-Content-Length: 0\r\nContent-Length: %d\r\n\r\n"
        .formatted(infer(MODEL), contentLength);
  }

  /** All that is sent until the end of the connection. */
  private static String rest(Socket socket) throws IOException {
    return new String(socket.getInputStream().readAllBytes(), ISO_8859_1);
  }

  private static void assertServes(TestServer server) throws Exception {
    assertThat(server.classify(picture("bag")).statusCode()).isEqualTo(200);
  }

  /** As above, of a server whose timeout is short: a machine that stands still is a slow sender. */
  private static void assertServesInTime(TestServer server) throws Exception {
    int status;
    do {
      status = server.classify(picture("bag")).statusCode();
    } while (status == 408);
    assertThat(status).isEqualTo(200);
  }

  private static String metrics(TestServer server) throws Exception {
    return new String(server.get("/metrics").body(), UTF_8);
  }

  private static void awaitIdle(TestServer server) throws InterruptedException {
    while (!server.server().isIdle()) {
      Thread.sleep(1);
    }
  }

  @Test
  void whoSendsTooMuchIsToldSo() throws Exception {
    try (TestServer server = start(OPTIONS)) {
      try (Socket socket = connect(server, head((1 << 20) + 1))) {
        // At once: not a byte of the body was sent.
        assertThat(rest(socket)).startsWith("HTTP/1.1 413 ").contains("{\"error\":\"a body has");
      }
      HttpRequest chunks =
          HttpRequest.newBuilder(server.uri(infer(MODEL)))
              .POST(
                  HttpRequest.BodyPublishers.ofInputStream(
                      () -> new ByteArrayInputStream(new byte[2 << 20])))
              .build();
      try {
        HttpResponse<byte[]> response =
            HttpClient.newHttpClient().send(chunks, HttpResponse.BodyHandlers.ofByteArray());
        assertThat(response.statusCode()).isEqualTo(413);
      } catch (IOException e) {
        // The connection was closed while more was being sent, before the answer was read.
        assertThat(e).isNotNull();
      }
      assertServes(server);
      awaitIdle(server);
    }
  }

  @Test
  void slowSendersHoldNobodyUp() throws Exception {
    try (TestServer server = start(with(4096, Duration.ofSeconds(2)))) {
      List<Socket> slow = new ArrayList<>();
      // More than there are threads.
      for (int i = 0; i < 200; i++) {
        slow.add(connect(server, head(1000) + "x"));
      }
      assertServesInTime(server);
      for (Socket socket : slow) {
        assertThat(rest(socket))
            .startsWith("HTTP/1.1 408 ")
            .contains("\"the body did not come in time; send it faster\"");
        socket.close();
      }
      assertServesInTime(server);
      assertThat(metrics(server))
          .containsPattern("resfuse_failures_total\\{[^}]*reason=\"too_slow\"[^}]*\\} 2[0-9][0-9]");
      awaitIdle(server);
    }
  }

  @Test
  void slowReadersHoldNobodyUp() throws Exception {
    // More than there are threads, and more than buffers take.
    int readers = 70;
    byte[] all = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(800).getBytes(ISO_8859_1);
    try (TestServer server = start(OPTIONS)) {
      List<Socket> slow = new ArrayList<>();
      for (int i = 0; i < readers; i++) {
        Socket socket = new Socket();
        socket.setReceiveBufferSize(4096);
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), server.port()));
        socket.getOutputStream().write(all);
        slow.add(socket);
      }
      // Until each waits for its reader, with this one there.
      while (json(server.get("/status")).path("requests").asInt() <= readers) {
        Thread.sleep(1);
      }
      assertServes(server);
      for (Socket socket : slow) {
        socket.close();
      }
      awaitIdle(server);
    }
  }

  @Test
  void bodiesThatAreNoGzipLeaveNoMemory() throws Exception {
    byte[] bag = picture("bag");
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(packed)) {
      gzip.write(bag);
    }
    try (TestServer server = start(OPTIONS)) {
      for (byte[] body : List.of(bag, new byte[0], Arrays.copyOf(packed.toByteArray(), 100))) {
        HttpResponse<byte[]> response =
            server.post(
                infer(MODEL),
                body,
                "Content-Encoding",
                "gzip",
                "Inference-Header-Content-Length",
                "0");
        assertThat(response.statusCode()).isEqualTo(400);
        assertThat(json(response).path("error").asText()).startsWith("the body is no gzip: ");
        // Neither less nor more than nothing.
        awaitIdle(server);
      }
    }
  }

  @Test
  void brokenBodies() throws Exception {
    byte[] bag = picture("bag");
    String json =
        """
        {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES",
          "parameters": {"binary_data_size": %d}}]}
        """
            .formatted(4 + bag.length);
    byte[] good = binary(json, bag);
    Random random = new Random(4);
    try (TestServer server = start(OPTIONS)) {
      int answered = 0;
      for (int i = 0; i < 300; i++) {
        byte[] body = good.clone();
        int changes = random.nextInt(8);
        for (int change = 0; change < changes; change++) {
          body[random.nextInt(body.length)] = (byte) random.nextInt(256);
        }
        if (random.nextInt(4) == 0) {
          body = Arrays.copyOf(body, random.nextInt(body.length));
        }
        int length = random.nextInt(4) == 0 ? random.nextInt(2000) : json.length();
        HttpResponse<byte[]> response =
            server.post(
                infer(MODEL), body, "Inference-Header-Content-Length", Integer.toString(length));
        if (response.statusCode() != 200) {
          String what = "body %d: %d".formatted(i, response.statusCode());
          assertThat(response.statusCode()).as(what).isEqualTo(400);
          assertThat(json(response).path("error").asText()).as(what).isNotEmpty();
        } else {
          answered++;
        }
      }
      assertThat(answered).isBetween(1, 299);
      assertServes(server);
      awaitIdle(server);
    }
  }

  @Test
  void brokenConnections() throws Exception {
    byte[] bag = picture("bag");
    try (TestServer server = start(OPTIONS)) {
      for (String garbage : List.of("\0\1\2\r\n\r\n", "GET /\r\n\r\n", "POST / HTTP/9.9\r\n\r\n")) {
        try (Socket socket = connect(server, garbage)) {
          assertThat(rest(socket)).contains("{\"error\":\"the request is no HTTP: ");
        }
      }
      for (int i = 0; i < 20; i++) {
        // Fewer bytes than promised, and then no more or a reset.
        try (Socket socket = connect(server, head(bag.length))) {
          socket.getOutputStream().write(bag, 0, bag.length - 1);
          if (i % 2 == 0) {
            socket.shutdownOutput();
            assertThat(rest(socket)).doesNotStartWith("HTTP/1.1 200");
          } else {
            socket.setSoLinger(true, 0);
          }
        }
        // The whole, but nobody waits for the answer.
        try (Socket socket = connect(server, head(bag.length))) {
          socket.getOutputStream().write(bag);
          socket.setSoLinger(true, 0);
        }
      }
      // What Jetty begins twice, or ends without a beginning.
      for (String garbage :
          List.of(
              "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
              "GET /v2 HTTP/1.1\r\nHost: x\r\nExpect: x\r\n\r\n",
              "GET foo HTTP/1.1\r\nHost: x\r\n\r\n",
              "GET /v2 HTTP/1.1\r\n\r\n")) {
        for (int i = 0; i < 3; i++) {
          try (Socket socket = connect(server, garbage)) {
            socket.shutdownOutput();
            assertThat(rest(socket)).startsWith("HTTP/1.1 4");
          }
        }
      }
      assertServes(server);
      awaitIdle(server);
      assertThat(server.server().drain()).isTrue();
    }
  }

  @Test
  void whoAsksOneAfterTheOtherIsNeverTooMany() throws Exception {
    try (TestServer server = start(with(1, Duration.ofMinutes(5)))) {
      for (int i = 0; i < 200; i++) {
        assertServes(server);
      }
    }
  }

  @Test
  void whoIsTooManyIsToldSoAndUnloadingAnswersTheOthers() throws Exception {
    // Whoever is first waits for a second, who is not let in.
    BatchOptions pairs =
        TestServer.BATCHING
            .withPreferredBatchSizes(List.of(2))
            .withMaxQueueDelay(Duration.ofHours(1));
    try (TestServer server =
        TestServer.start(List.of(MODEL), with(1, Duration.ofMinutes(5)), pairs)) {
      HttpRequest request =
          server.request(infer(MODEL), picture("bag"), "Inference-Header-Content-Length", "0");
      HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
      CompletableFuture<HttpResponse<byte[]>> first =
          client.sendAsync(request, HttpResponse.BodyHandlers.ofByteArray());
      while (json(server.get("/status")).at("/models/0/queue").asInt() < 1) {
        Thread.sleep(1);
      }
      HttpResponse<byte[]> second = server.classify(picture("bag"));
      assertThat(second.statusCode()).isEqualTo(429);
      assertThat(second.headers().firstValue("Retry-After")).contains("1");
      assertThat(json(second).path("error").asText())
          .isEqualTo("1 requests are being served, which is the limit; try again later");
      assertThat(metrics(server))
          .containsPattern("resfuse_failures_total\\{model=\"\",reason=\"overloaded\"[^}]*\\} 1");
      assertThat(first).isNotDone();
      // A model that is closed runs what is in its queue.
      assertThat(server.post("/v2/repository/models/" + MODEL + "/unload", "{}").statusCode())
          .isEqualTo(200);
      assertThat(first.join().statusCode()).isEqualTo(200);
    }
  }

  @Test
  void bodiesOfBothProtocolsShareTheirMemory() throws Exception {
    // Whatever comes after the picture is not looked at.
    byte[] picture = Arrays.copyOf(picture("bag"), 300_000);
    BatchOptions many =
        TestServer.BATCHING
            .withPreferredBatchSizes(List.of(64))
            .withMaxQueueDelay(Duration.ofHours(1));
    ServerOptions options = with(4096, Duration.ofMinutes(5), OPTIONS.drainTimeout(), 1 << 20);
    ModelInferRequest.Builder request = TestServer.pictureRequest(picture).setModelName(MODEL);
    try (TestServer server = TestServer.start(List.of(MODEL), options, many)) {
      ManagedChannel channel = server.channel();
      try {
        var stub = GRPCInferenceServiceGrpc.newFutureStub(channel);
        List<Future<ModelInferResponse>> waiting = new ArrayList<>();
        for (int i = 1; i <= 3; i++) {
          waiting.add(stub.modelInfer(request.build()));
          while (json(server.get("/status")).at("/models/0/queue").asInt() < i) {
            Thread.sleep(1);
          }
        }
        assertThatThrownBy(() -> stub.modelInfer(request.build()).get())
            .cause()
            .isInstanceOfSatisfying(
                StatusRuntimeException.class,
                e ->
                    assertThat(e.getStatus().getCode())
                        .isIn(Status.Code.RESOURCE_EXHAUSTED, Status.Code.CANCELLED));
        HttpResponse<byte[]> overRest = server.classify(picture);
        assertThat(overRest.statusCode()).isEqualTo(429);
        assertThat(json(overRest).path("error").asText())
            .isEqualTo("the bodies of all requests together may have 1 MiB; try again later");
        assertThat(server.post("/v2/repository/models/" + MODEL + "/unload", "{}").statusCode())
            .isEqualTo(200);
        for (Future<ModelInferResponse> answer : waiting) {
          assertThat(answer.get().getOutputsCount()).isEqualTo(2);
        }
        assertThat(metrics(server))
            .containsPattern("resfuse_failures_total\\{model=\"\",reason=\"overloaded\"[^}]*\\} 2");
        awaitIdle(server);
      } finally {
        channel.shutdownNow();
      }
    }
  }

  @Test
  void whatIsNotAnsweredInTimeIsGivenUp() throws Exception {
    BatchOptions pairs =
        TestServer.BATCHING
            .withPreferredBatchSizes(List.of(2))
            .withMaxQueueDelay(Duration.ofHours(1));
    ServerOptions options = with(4096, Duration.ofMinutes(5), Duration.ofMillis(50));
    try (TestServer server = TestServer.start(List.of(MODEL), options, pairs)) {
      HttpRequest request =
          server.request(infer(MODEL), picture("bag"), "Inference-Header-Content-Length", "0");
      CompletableFuture<HttpResponse<byte[]>> first =
          HttpClient.newHttpClient().sendAsync(request, HttpResponse.BodyHandlers.ofByteArray());
      while (json(server.get("/status")).at("/models/0/queue").asInt() < 1) {
        Thread.sleep(1);
      }
      assertThat(server.server().drain()).isFalse();
      assertThatThrownBy(first::join).hasCauseInstanceOf(IOException.class);
    }
  }

  @Test
  void twoThousandConnections() throws Exception {
    byte[] bag = picture("bag");
    try (TestServer server = start(OPTIONS)) {
      List<Socket> sockets = new ArrayList<>();
      for (int i = 0; i < 2000; i++) {
        sockets.add(connect(server, head(bag.length)));
      }
      for (Socket socket : sockets) {
        socket.getOutputStream().write(bag);
      }
      byte[] start = new byte[13];
      for (Socket socket : sockets) {
        assertThat(socket.getInputStream().readNBytes(start, 0, 13)).isEqualTo(13);
        assertThat(new String(start, ISO_8859_1)).isEqualTo("HTTP/1.1 200 ");
      }
      for (Socket socket : sockets) {
        socket.close();
      }
      awaitIdle(server);
    }
  }
}
