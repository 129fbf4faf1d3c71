package io.resfuse.server;

import static io.resfuse.server.TestServer.MODEL;
import static io.resfuse.server.TestServer.OPTIONS;
import static io.resfuse.server.TestServer.binary;
import static io.resfuse.server.TestServer.infer;
import static io.resfuse.server.TestServer.json;
import static io.resfuse.server.TestServer.picture;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.batch.BatchOptions;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Clients that are slow, broken, greedy or many: the others are served, and nothing is left. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class AbuseTest {
  private static TestServer start(ServerOptions options) {
    return TestServer.start(List.of(MODEL), options, TestServer.BATCHING);
  }

  private static ServerOptions with(int maxConcurrent, Duration readTimeout) {
    return new ServerOptions(
        OPTIONS.host(),
        0,
        0,
        OPTIONS.maxBody(),
        maxConcurrent,
        OPTIONS.maxConnections(),
        OPTIONS.bodyMemory(),
        readTimeout,
        OPTIONS.poll(),
        OPTIONS.control(),
        OPTIONS.drainDelay(),
        OPTIONS.drainTimeout());
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
      assertServes(server);
      for (Socket socket : slow) {
        assertThat(rest(socket))
            .startsWith("HTTP/1.1 408 ")
            .contains("\"the body did not come in time; send it faster\"");
        socket.close();
      }
      assertServes(server);
      awaitIdle(server);
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
          body = java.util.Arrays.copyOf(body, random.nextInt(body.length));
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
      assertServes(server);
      awaitIdle(server);
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
      assertThat(first).isNotDone();
      // A model that is closed runs what is in its queue.
      assertThat(server.post("/v2/repository/models/" + MODEL + "/unload", "{}").statusCode())
          .isEqualTo(200);
      assertThat(first.join().statusCode()).isEqualTo(200);
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
