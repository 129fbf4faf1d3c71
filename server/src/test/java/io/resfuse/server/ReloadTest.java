package io.resfuse.server;

import static io.resfuse.server.TestServer.infer;
import static io.resfuse.server.TestServer.json;
import static io.resfuse.server.TestServer.picture;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.resfuse.engine.Parameters;
import io.resfuse.tensor.HostTensor;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.PretrainedModel;
import io.resfuse.weights.ProgressListener;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A folder of models, followed while requests come. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class ReloadTest {
  private static final byte[] BAG = picture("bag");

  @TempDir Path folder;

  /** Writes weights whose network prefers one class to all others, by moving a file in place. */
  private void write(Path target, int favourite) throws IOException {
    ModelFile model = PretrainedModel.RESNET20_FASHION_MNIST.open(ProgressListener.NONE);
    Map<String, HostTensor> tensors = new LinkedHashMap<>(model.copyParameters().asMap());
    HostTensor bias = tensors.get("fc.bias");
    bias.set(favourite, bias.get(favourite) + 1000);
    Files.createDirectories(target.getParent());
    Path aside = folder.resolve("." + favourite + ".tmp");
    ModelFile.save(aside, model.metadata(), new Parameters(model.network(), tensors));
    Files.move(aside, target, StandardCopyOption.ATOMIC_MOVE);
  }

  private TestServer start() {
    return TestServer.start(List.of(folder.toString()), TestServer.OPTIONS, TestServer.BATCHING);
  }

  /** The class that a model says a bag is of; fails if it says nothing. */
  private static int classOf(TestServer server, String path) throws Exception {
    HttpResponse<byte[]> response = server.post(path, BAG, "Inference-Header-Content-Length", "0");
    JsonNode data = json(response).at("/outputs/0/data");
    assertThat(data.size()).as(json(response).toString()).isEqualTo(10);
    int best = 0;
    for (int i = 1; i < 10; i++) {
      best = data.get(i).asDouble() > data.get(best).asDouble() ? i : best;
    }
    return best;
  }

  private static void follow(TestServer server) {
    // A change is taken when it is the same in two scans.
    server.server().scan();
    server.server().scan();
  }

  private static String index(TestServer server) throws Exception {
    List<String> lines = new ArrayList<>();
    for (JsonNode line : json(server.post("/v2/repository/index", "{}"))) {
      lines.add(
          line.path("name").asText()
              + " "
              + line.path("version").asText()
              + " "
              + line.path("state").asText());
    }
    return String.join(", ", lines);
  }

  @Test
  void filesFoldersAndVersions() throws Exception {
    write(folder.resolve("plain.safetensors"), 1);
    write(folder.resolve("single/weights.safetensors"), 2);
    write(folder.resolve("versions/1/model.safetensors"), 3);
    write(folder.resolve("versions/10/any.safetensors"), 4);
    Files.writeString(folder.resolve("versions/resfuse.yaml"), "outputs: [logits, c4]\n");
    Files.writeString(folder.resolve("notes.txt"), "no model");
    try (TestServer server = start()) {
      assertThat(index(server))
          .isEqualTo("plain 1 READY, single 1 READY, versions 1 READY, versions 10 READY");
      assertThat(classOf(server, infer("plain"))).isEqualTo(1);
      assertThat(classOf(server, infer("single"))).isEqualTo(2);
      assertThat(classOf(server, infer("versions"))).isEqualTo(4);
      assertThat(classOf(server, "/v2/models/versions/versions/1/infer")).isEqualTo(3);
      JsonNode model = json(server.get("/v2/models/versions"));
      assertThat(model.path("versions").toString()).isEqualTo("[\"1\",\"10\"]");
      assertThat(model.at("/outputs/2").toString())
          .isEqualTo("{\"name\":\"c4\",\"datatype\":\"FP32\",\"shape\":[-1,64,7,7]}");
      write(folder.resolve("versions/11/any.safetensors"), 5);
      follow(server);
      assertThat(classOf(server, infer("versions"))).isEqualTo(5);
      Files.delete(folder.resolve("versions/11/any.safetensors"));
      Files.delete(folder.resolve("plain.safetensors"));
      follow(server);
      assertThat(classOf(server, infer("versions"))).isEqualTo(4);
      assertThat(index(server)).isEqualTo("single 1 READY, versions 1 READY, versions 10 READY");
    }
  }

  @Test
  void onlyOutputsOfClassesAreClassified() throws Exception {
    write(folder.resolve("m/weights.safetensors"), 2);
    Files.writeString(folder.resolve("m/resfuse.yaml"), "outputs: [pooled, logits]\n");
    String request =
        """
        {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["%s"]}],
         "outputs": [{"name": "%s", "parameters": {"classification": 1}}]}
        """;
    String bag = Base64.getEncoder().encodeToString(BAG);
    try (TestServer server = start()) {
      assertThat(json(server.post(infer("m"), request.formatted(bag, "logits"))).toString())
          .contains(":2");
      HttpResponse<byte[]> response = server.post(infer("m"), request.formatted(bag, "pooled"));
      assertThat(json(response).path("error").asText())
          .isEqualTo(
              "output 'pooled' is not one number per class; ask for the classification of logits");
      assertThat(response.statusCode()).isEqualTo(400);
    }
  }

  @Test
  void noRequestIsLostWhenAModelIsReplaced() throws Exception {
    Path file = folder.resolve("m/1/weights.safetensors");
    write(file, 1);
    Queue<String> wrong = new ConcurrentLinkedQueue<>();
    AtomicInteger answered = new AtomicInteger();
    AtomicBoolean stop = new AtomicBoolean();
    try (TestServer server = start()) {
      List<Thread> clients = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        clients.add(
            new Thread(
                () -> {
                  while (!stop.get()) {
                    try {
                      int got = classOf(server, infer("m"));
                      if (got < 1 || got > 3) {
                        wrong.add("class " + got);
                      }
                      answered.incrementAndGet();
                    } catch (Exception | AssertionError e) {
                      wrong.add(e.toString());
                    }
                  }
                }));
      }
      clients.forEach(Thread::start);
      for (int version = 2; version <= 3; version++) {
        awaitMore(answered, 20);
        write(file, version);
        follow(server);
        // From now on all answers are the new one's.
        assertThat(classOf(server, infer("m"))).isEqualTo(version);
      }
      awaitMore(answered, 20);
      stop.set(true);
      for (Thread client : clients) {
        client.join();
      }
      assertThat(wrong).isEmpty();
      while (!server.server().isIdle()) {
        Thread.sleep(1);
      }
    }
  }

  private static void awaitMore(AtomicInteger count, int more) throws InterruptedException {
    int enough = count.get() + more;
    while (count.get() < enough) {
      Thread.sleep(1);
    }
  }

  @Test
  void whatCannotBeLoadedLeavesWhatWas() throws Exception {
    Path file = folder.resolve("m.safetensors");
    write(file, 1);
    try (TestServer server = start()) {
      Files.writeString(folder.resolve("m.tmp"), "no weights");
      Files.move(
          folder.resolve("m.tmp"),
          file,
          StandardCopyOption.ATOMIC_MOVE,
          StandardCopyOption.REPLACE_EXISTING);
      follow(server);
      assertThat(classOf(server, infer("m"))).isEqualTo(1);
      JsonNode line = json(server.post("/v2/repository/index", "{}")).get(0);
      assertThat(line.path("state").asText()).isEqualTo("READY");
      assertThat(line.path("reason").asText()).contains("m.safetensors");
      assertThat(server.get("/v2/health/ready").statusCode()).isEqualTo(200);
      write(file, 2);
      follow(server);
      assertThat(classOf(server, infer("m"))).isEqualTo(2);
      assertThat(json(server.post("/v2/repository/index", "{}")).get(0).path("reason").asText())
          .isEmpty();
    }
  }

  @Test
  void aModelThatIsBrokenFromTheStartIsNotReady() throws Exception {
    write(folder.resolve("good.safetensors"), 1);
    Files.writeString(folder.resolve("bad.safetensors"), "no weights");
    try (TestServer server = start()) {
      assertThat(classOf(server, infer("good"))).isEqualTo(1);
      HttpResponse<byte[]> response =
          server.post(infer("bad"), BAG, "Inference-Header-Content-Length", "0");
      assertThat(response.statusCode()).isEqualTo(503);
      assertThat(json(response).path("error").asText()).startsWith("model 'bad' is not loaded: ");
      assertThat(server.get("/v2/models/bad/ready").statusCode()).isEqualTo(503);
      assertThat(server.get("/v2/models/good/ready").statusCode()).isEqualTo(200);
      assertThat(server.get("/v2/health/ready").statusCode()).isEqualTo(503);
      assertThat(server.get("/v2/health/live").statusCode()).isEqualTo(200);
    }
  }

  @Test
  void modelsAreUnloadedAndLoadedByRequest() throws Exception {
    write(folder.resolve("m.safetensors"), 1);
    try (TestServer server = start()) {
      assertThat(server.post("/v2/repository/models/m/unload", "{}").statusCode()).isEqualTo(200);
      assertThat(server.post(infer("m"), BAG, "Inference-Header-Content-Length", "0").statusCode())
          .isEqualTo(503);
      follow(server);
      assertThat(index(server)).isEqualTo("m 1 UNAVAILABLE");
      assertThat(server.post("/v2/repository/models/m/load", "{}").statusCode()).isEqualTo(200);
      assertThat(classOf(server, infer("m"))).isEqualTo(1);
    }
  }
}
