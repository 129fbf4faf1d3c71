package io.resfuse.server;

import static io.resfuse.server.TestServer.MODEL;
import static io.resfuse.server.TestServer.infer;
import static io.resfuse.server.TestServer.picture;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.resfuse.server.grpc.proto.GRPCInferenceServiceGrpc;
import io.resfuse.server.grpc.proto.ModelInferRequest;
import java.io.BufferedReader;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The command as a process of its own, told to end by SIGTERM while clients ask. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class DrainTest {
  private static final Pattern ADDRESS =
      Pattern.compile("serving on (http://\\S+), gRPC on port (\\d+), engine .*");

  private final Queue<String> lost = new ConcurrentLinkedQueue<>();
  private final AtomicInteger answered = new AtomicInteger();

  /** Clients that have had an answer. */
  private final Set<Thread> heard = ConcurrentHashMap.newKeySet();

  private static ProcessBuilder command(String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(ServeCommand.class.getName());
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command);
  }

  private void isAnswered() {
    answered.incrementAndGet();
    heard.add(Thread.currentThread());
  }

  /** Asks until the answer says that it is the connection's last. */
  private void askRest(String address) {
    HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(address + infer(MODEL)))
            .header("Inference-Header-Content-Length", "0")
            .POST(HttpRequest.BodyPublishers.ofByteArray(picture("bag")))
            .build();
    while (true) {
      try {
        HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
        if (response.statusCode() != 200) {
          lost.add(response.statusCode() + " " + response.body());
          return;
        }
        isAnswered();
        if (response.headers().firstValue("Connection").orElse("").equals("close")) {
          return;
        }
      } catch (ConnectException e) {
        // Nobody listens: nothing was accepted.
        return;
      } catch (Exception e) {
        lost.add(e.toString());
        return;
      }
    }
  }

  /** Asks until nobody listens any more. */
  private void askGrpc(int port) {
    ManagedChannel channel = TestServer.channel(port);
    var stub = GRPCInferenceServiceGrpc.newBlockingStub(channel);
    ModelInferRequest.Builder request =
        TestServer.pictureRequest(picture("bag")).setModelName(MODEL);
    try {
      while (true) {
        stub.modelInfer(request.build());
        isAnswered();
      }
    } catch (StatusRuntimeException e) {
      boolean refused =
          e.getStatus().getCode() == Status.Code.UNAVAILABLE
              && String.valueOf(e.getStatus().getCause()).contains("Connection refused");
      if (!refused) {
        lost.add(e.toString());
      }
    } finally {
      channel.shutdownNow();
    }
  }

  @Test
  void noAcceptedRequestIsLost() throws Exception {
    Process process =
        command("--model", MODEL, "--port", "0", "--grpc-port", "0", "--drain-timeout", "300")
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (BufferedReader lines = process.inputReader(UTF_8)) {
      String line = lines.readLine();
      Matcher address = ADDRESS.matcher(String.valueOf(line));
      assertThat(address.matches()).as(line).isTrue();
      List<Thread> clients = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        clients.add(new Thread(() -> askRest(address.group(1))));
      }
      for (int i = 0; i < 2; i++) {
        clients.add(new Thread(() -> askGrpc(Integer.parseInt(address.group(2)))));
      }
      clients.forEach(Thread::start);
      while ((answered.get() < 200 || heard.size() < clients.size()) && lost.isEmpty()) {
        Thread.sleep(1);
      }
      process.destroy();
      for (Thread client : clients) {
        client.join();
      }
      assertThat(process.waitFor()).isZero();
      assertThat(lost).isEmpty();
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void failuresAreSaidInOneLine() throws Exception {
    Process process =
        command("--model", "no/such/folder", "--port", "0", "--grpc-port", "-1")
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(output)
        .endsWith(
            "resfuse: no/such/folder: no such file or folder, and no model that 'resfuse weights'"
                + " lists; give one of these\n");
    assertThat(process.waitFor()).isEqualTo(1);
  }
}
