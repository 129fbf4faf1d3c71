package io.resfuse.server;

import static io.resfuse.server.TestServer.MODEL;
import static io.resfuse.server.TestServer.binary;
import static io.resfuse.server.TestServer.infer;
import static io.resfuse.server.TestServer.json;
import static io.resfuse.server.TestServer.picture;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.resfuse.Model;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.engine.Precision;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.PretrainedModel;
import io.resfuse.weights.ProgressListener;
import java.io.ByteArrayOutputStream;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Set;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** KServe's protocol over REST, held against the library itself. */
class RestTest {
  private static TestServer server;
  private static Model model;

  @BeforeAll
  static void start() {
    server = TestServer.start();
    model =
        Model.load(
            server.engine(), PretrainedModel.of(MODEL).open(ProgressListener.NONE), Precision.FP32);
  }

  @AfterAll
  static void stop() {
    model.close();
    server.close();
  }

  /** The engine is batch-invariant, so answers are the library's to the last bit. */
  private static float[] expected(byte[] picture) {
    return model
        .run(List.of(new ImageDecoder().decode(picture, "picture")), Set.of("logits"))
        .get("logits")
        .toArray();
  }

  private static float[] floats(JsonNode data) {
    float[] floats = new float[data.size()];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) data.get(i).asDouble();
    }
    return floats;
  }

  private static JsonNode output(JsonNode answer, String name) {
    for (JsonNode output : answer.path("outputs")) {
      if (output.path("name").asText().equals(name)) {
        return output;
      }
    }
    throw new AssertionError("no output " + name + " in " + answer);
  }

  private static void assertError(HttpResponse<byte[]> response, int status, String message)
      throws Exception {
    assertThat(json(response).path("error").asText()).isEqualTo(message);
    assertThat(response.statusCode()).isEqualTo(status);
  }

  @Test
  void saysWhatItIs() throws Exception {
    JsonNode answer = json(server.get("/v2"));
    assertThat(answer.path("name").asText()).isEqualTo("resfuse");
    assertThat(answer.path("extensions").toString())
        .contains("binary_tensor_data", "classification", "model_repository", "schedule_policy");
    assertThat(json(server.get("/v2/health/live")).path("live").asBoolean()).isTrue();
    assertThat(json(server.get("/v2/health/ready")).path("ready").asBoolean()).isTrue();
    assertThat(json(server.get("/v2/models/" + MODEL + "/ready")).path("ready").asBoolean())
        .isTrue();
  }

  @Test
  void describesItsModel() throws Exception {
    for (String path : List.of("", "/versions/1")) {
      JsonNode answer = json(server.get("/v2/models/" + MODEL + path));
      assertThat(answer.toString())
          .isEqualTo(
              "{\"name\":\""
                  + MODEL
                  + "\",\"versions\":[\"1\"],\"platform\":\"resfuse_onednn\",\"inputs\":["
                  + "{\"name\":\"image\",\"datatype\":\"BYTES\",\"shape\":[-1]},"
                  + "{\"name\":\"input\",\"datatype\":\"FP32\",\"shape\":[-1,1,28,28]}],"
                  + "\"outputs\":[{\"name\":\"logits\",\"datatype\":\"FP32\",\"shape\":[-1,10]},"
                  + "{\"name\":\"probabilities\",\"datatype\":\"FP32\",\"shape\":[-1,10]}]}");
    }
  }

  @Test
  void aPictureAlone() throws Exception {
    byte[] bag = picture("bag");
    JsonNode answer = json(server.classify(bag));
    assertThat(answer.path("model_name").asText()).isEqualTo(MODEL);
    assertThat(answer.path("model_version").asText()).isEqualTo("1");
    JsonNode logits = output(answer, "logits");
    assertThat(logits.path("datatype").asText()).isEqualTo("FP32");
    assertThat(logits.path("shape").toString()).isEqualTo("[1,10]");
    assertThat(floats(logits.path("data"))).containsExactly(expected(bag));
    float[] probabilities = floats(output(answer, "probabilities").path("data"));
    double sum = 0;
    for (float probability : probabilities) {
      sum += probability;
    }
    // Ten roundings to float32, each of at most 2^-24.
    assertThat(sum).isBetween(1 - 10 * 0x1p-24, 1 + 10 * 0x1p-24);
    List<io.resfuse.Prediction> best =
        model.classify(List.of(new ImageDecoder().decode(bag, "bag")), 1).get(0);
    assertThat(probabilities[best.get(0).index()]).isEqualTo((float) best.get(0).probability());
  }

  @Test
  void picturesInBase64AndClasses() throws Exception {
    String data =
        "\"%s\", \"%s\""
            .formatted(
                Base64.getEncoder().encodeToString(picture("bag")),
                Base64.getEncoder().encodeToString(picture("sandal")));
    // data before what says how it is to be read
    String request =
        """
        {"id": "a b", "inputs": [{"data": [%s], "name": "image", "shape": [2], "datatype": "BYTES"}],
         "outputs": [{"name": "probabilities", "parameters": {"classification": 2}}], "more": {"x": [1]}}
        """
            .formatted(data);
    JsonNode answer = json(server.post(infer(MODEL), request));
    assertThat(answer.path("id").asText()).isEqualTo("a b");
    JsonNode output = output(answer, "probabilities");
    assertThat(output.path("datatype").asText()).isEqualTo("BYTES");
    assertThat(output.path("shape").toString()).isEqualTo("[2,2]");
    assertThat(output.path("data").get(0).asText()).matches("1\\.000000:8:Bag");
    assertThat(output.path("data").get(2).asText()).matches("[01]\\.[0-9]{6}:5:Sandal");
    assertThat(answer.path("outputs")).hasSize(1);
  }

  @Test
  void picturesAndAnswersAsBytes() throws Exception {
    byte[] coat = picture("coat");
    byte[] dress = picture("dress");
    int size = 8 + coat.length + dress.length;
    String request =
        """
        {"inputs": [{"name": "image", "shape": [2, 1], "datatype": "BYTES",
          "parameters": {"binary_data_size": %d}}],
         "outputs": [{"name": "logits", "parameters": {"binary_data": true}},
          {"name": "logits", "parameters": {"classification": 1, "binary_data": true}}]}
        """
            .formatted(size);
    HttpResponse<byte[]> response =
        server.post(
            infer(MODEL),
            binary(request, coat, dress),
            "Inference-Header-Content-Length",
            Integer.toString(request.length()));
    assertThat(response.statusCode()).as(new String(response.body(), UTF_8)).isEqualTo(200);
    assertThat(response.headers().firstValue("Content-Type")).contains("application/octet-stream");
    int length =
        Integer.parseInt(
            response.headers().firstValue("Inference-Header-Content-Length").orElseThrow());
    JsonNode header = TestServer.MAPPER.readTree(response.body(), 0, length);
    JsonNode first = header.path("outputs").get(0);
    assertThat(first.path("parameters").path("binary_data_size").asInt()).isEqualTo(80);
    ByteBuffer rest =
        ByteBuffer.wrap(response.body(), length, response.body().length - length)
            .slice()
            .order(ByteOrder.LITTLE_ENDIAN);
    float[] logits = new float[20];
    rest.asFloatBuffer().get(logits);
    assertThat(Arrays.copyOf(logits, 10)).containsExactly(expected(coat));
    assertThat(Arrays.copyOfRange(logits, 10, 20)).containsExactly(expected(dress));
    byte[] text = new byte[rest.position(80).getInt()];
    rest.get(text);
    assertThat(new String(text, UTF_8)).endsWith(":4:Coat");
  }

  @Test
  void tensorsAsNumbersAndAsBytes() throws Exception {
    float[] image = new float[2 * 28 * 28];
    for (int i = 0; i < image.length; i++) {
      image[i] = (i % 13) / 13f - 0.5f;
    }
    float[] expected =
        model
            .run(HostTensor.of(Shape.of(2, 1, 28, 28), image), Set.of("logits"))
            .get("logits")
            .toArray();
    String numbers =
        """
        {"inputs": [{"name": "input", "shape": [2, 1, 28, 28], "datatype": "FP32", "data": [%s]}],
         "outputs": [{"name": "logits"}]}
        """
            .formatted(Arrays.toString(image));
    assertThat(floats(json(server.post(infer(MODEL), numbers)).at("/outputs/0/data")))
        .containsExactly(expected);
    String header =
        """
        {"parameters": {"binary_data_output": true}, "inputs": [{"name": "input",
         "shape": [2, 1, 28, 28], "datatype": "FP32", "parameters": {"binary_data_size": %d}}]}
        """
            .formatted(4 * image.length);
    ByteBuffer body =
        ByteBuffer.allocate(header.length() + 4 * image.length).order(ByteOrder.LITTLE_ENDIAN);
    body.put(header.getBytes(UTF_8));
    for (float element : image) {
      body.putFloat(element);
    }
    HttpResponse<byte[]> response =
        server.post(
            infer(MODEL),
            body.array(),
            "Inference-Header-Content-Length",
            Integer.toString(header.length()));
    int length =
        Integer.parseInt(
            response.headers().firstValue("Inference-Header-Content-Length").orElseThrow());
    float[] logits = new float[20];
    ByteBuffer.wrap(response.body(), length, 80)
        .slice()
        .order(ByteOrder.LITTLE_ENDIAN)
        .asFloatBuffer()
        .get(logits);
    assertThat(logits).containsExactly(expected);
  }

  @Test
  void aPackedBody() throws Exception {
    String request =
        """
        {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["%s"]}]}
        """
            .formatted(Base64.getEncoder().encodeToString(picture("bag")));
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(packed)) {
      gzip.write(request.getBytes(UTF_8));
    }
    HttpResponse<byte[]> response =
        server.post(infer(MODEL), packed.toByteArray(), "Content-Encoding", "gzip");
    assertThat(floats(output(json(response), "logits").path("data")))
        .containsExactly(expected(picture("bag")));
    // A megabyte is what the server of this test takes; this unpacks to more.
    ByteArrayOutputStream bomb = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(bomb)) {
      gzip.write(new byte[(1 << 20) + 1]);
    }
    assertThat(bomb.size()).isLessThan(1 << 12);
    assertError(
        server.post(infer(MODEL), bomb.toByteArray(), "Content-Encoding", "gzip"),
        413,
        "a body has at most 1048576 bytes here; --max-body sets it");
    assertThat(
            server
                .post(infer(MODEL), request.getBytes(UTF_8), "Content-Encoding", "gzip")
                .statusCode())
        .isEqualTo(400);
  }

  private static String input(String fields) {
    return "{\"inputs\": [{" + fields + "}]}";
  }

  @Test
  void whatIsWrongIsSaidInOneLine() throws Exception {
    List<List<String>> cases = new ArrayList<>();
    String image = "\"name\": \"image\", \"datatype\": \"BYTES\"";
    String tensor = "\"name\": \"input\", \"datatype\": \"FP32\"";
    cases.add(List.of("[]", "the body is an object, got an array"));
    cases.add(List.of("", "the body is an object, got nothing"));
    cases.add(List.of("{}", "a request has one input, image (BYTES) or input (FP32); got 0"));
    cases.add(
        List.of(
            input("\"name\": \"x\", \"datatype\": \"FP32\", \"shape\": [1], \"data\": [1]"),
            "model '" + MODEL + "' has no input 'x'; give image (BYTES) or input (FP32)"));
    cases.add(
        List.of(
            input("\"name\": \"input\", \"datatype\": \"INT8\", \"shape\": [1], \"data\": [1]"),
            "input 'input' has datatype 'INT8'; this server takes FP32 and BYTES"));
    cases.add(
        List.of(
            input("\"name\": \"image\", \"datatype\": \"FP32\", \"shape\": [1], \"data\": [1]"),
            "input 'image' has datatype BYTES, got FP32"));
    cases.add(
        List.of(
            input(tensor + ", \"shape\": [1, 1, 28, 28], \"data\": [1, 2]"),
            "input 'input' has shape [-1, 1, 28, 28], got [1, 1, 28, 28] with 2 elements"));
    cases.add(
        List.of(
            input(tensor + ", \"shape\": [4294967296, 1, 28, 28], \"data\": []"),
            "input 'input' has shape [-1, 1, 28, 28], got [4294967296, 1, 28, 28] with 0 elements"));
    cases.add(
        List.of(
            input(tensor + ", \"shape\": [0, 1, 28, 28], \"data\": []"),
            "a request has 1 to 4096 images, got 0"));
    cases.add(
        List.of(
            input(image + ", \"shape\": [2], \"data\": [\"AAAA\"]"),
            "input 'image' has shape [number of pictures], got [2] with 1 elements"));
    cases.add(
        List.of(
            input(image + ", \"shape\": [1], \"data\": [5]"),
            "input 'image' has numbers, but is BYTES: give texts in Base64"));
    cases.add(
        List.of(
            input(image + ", \"shape\": [1]"),
            "input 'image' has no data, and no parameter binary_data_size"));
    cases.add(List.of(input(image + ", \"data\": []"), "input 'image' has no shape"));
    cases.add(
        List.of(
            input(image + ", \"shape\": [1], \"parameters\": {\"binary_data_size\": 9}"),
            "input 'image' has a binary_data_size of 9, but 0 bytes are left behind the JSON"));
    cases.add(
        List.of(
            "{\"parameters\": {\"priority\": -1}}",
            "parameter priority is a whole number, 0 to 2147483647, got -1"));
    cases.add(
        List.of(
            "{\"parameters\": {\"priority\": 2}, "
                + input(
                        tensor
                            + ", \"shape\": [1, 1, 28, 28], \"data\": ["
                            + "0,".repeat(783)
                            + "0]")
                    .substring(1),
            "priorities are 1 (most urgent) to 1, or 0 for the usual one; got 2"));
    cases.add(
        List.of(
            "{\"outputs\": [{\"name\": \"c9\"}], " + input(image).substring(1),
            "input 'image' has no shape"));
    cases.add(
        List.of(
            "{\"outputs\": [{\"name\": \"c9\"}], "
                + input(image + ", \"shape\": [1], \"data\": [\"AAAA\"]").substring(1),
            "model '" + MODEL + "' has no output 'c9'; it has [logits, probabilities]"));
    String one = input(image + ", \"shape\": [1], \"data\": [\"AAAA\"]").substring(1);
    cases.add(
        List.of(
            "{\"outputs\": ["
                + "{\"name\": \"logits\"}, ".repeat(4)
                + "{\"name\": \"logits\"}], "
                + one,
            "a request asks model '" + MODEL + "' for at most 4 outputs, got 5"));
    cases.add(
        List.of(
            "{\"outputs\": ["
                + "{\"name\": \"logits\"}, ".repeat(64)
                + "{\"name\": \"logits\"}], "
                + one,
            "a request has at most 64 outputs here"));
    StringBuilder parameters = new StringBuilder("\"priority\": 0");
    for (int i = 0; i < 64; i++) {
      parameters.append(", \"p").append(i).append("\": 1");
    }
    cases.add(
        List.of(
            "{\"parameters\": {" + parameters + "}, " + one,
            "there are at most 64 parameters in one place"));
    for (List<String> each : cases) {
      assertError(server.post(infer(MODEL), each.get(0)), 400, each.get(1));
    }
    assertThat(json(server.post(infer(MODEL), "{\"inputs\": [}")).path("error").asText())
        .isEqualTo(
            "the body is no JSON of a request: Unexpected close marker '}': expected ']' at byte 12");
    assertThat(json(server.classify(new byte[] {1, 2, 3})).path("error").asText())
        .startsWith("the picture that was submitted: ");
    assertThat(server.classify(new byte[] {1, 2, 3}).statusCode()).isEqualTo(400);
  }

  @Test
  void whatIsNotThereIsSaid() throws Exception {
    assertError(
        server.post(infer("other"), "{}"),
        404,
        "no model is named 'other'; there are [" + MODEL + "]");
    assertError(
        server.get("/v2/models/" + MODEL + "/versions/2"),
        404,
        "model '" + MODEL + "' has no version '2'; it has [1]");
    assertError(
        server.get("/v2/models/" + MODEL + "/versions/..."),
        404,
        "model '" + MODEL + "' has no version '...'; it has [1]");
    assertError(server.get("/v3"), 404, "there is no GET /v3; /v2 begins KServe's protocol");
  }

  @Test
  void aDeadlineThatCannotBeHeld() throws Exception {
    String request =
        """
        {"parameters": {"timeout": 1}, "inputs": [{"name": "image", "shape": [1],
         "datatype": "BYTES", "data": ["%s"]}]}
        """
            .formatted(Base64.getEncoder().encodeToString(picture("bag")));
    assertError(
        server.post(infer(MODEL), request),
        504,
        "the deadline passed before the request could run");
  }

  @Test
  void aPictureOfTooManyPixels() throws Exception {
    // A PNG's header that promises 4000 x 4000 pixels, more than the million that are allowed.
    byte[] png = picture("bag").clone();
    ByteBuffer.wrap(png).putInt(16, 4000).putInt(20, 4000);
    HttpResponse<byte[]> response = server.classify(png);
    assertThat(response.statusCode()).isEqualTo(400);
    assertThat(json(response).path("error").asText()).isNotEmpty();
  }

  @Test
  void theIndexAndControl() throws Exception {
    assertThat(json(server.post("/v2/repository/index", "{}")).toString())
        .isEqualTo(
            "[{\"name\":\"" + MODEL + "\",\"version\":\"1\",\"state\":\"READY\",\"reason\":\"\"}]");
    assertError(
        server.post("/v2/repository/models/other/unload", "{}"),
        404,
        "no model is named 'other'; there are [" + MODEL + "]");
  }

  @Test
  void metrics() throws Exception {
    for (int i = 0; i < 3; i++) {
      server.classify(picture("bag"));
    }
    server.classify(new byte[1]);
    String metrics = new String(server.get("/metrics").body(), UTF_8);
    String labels = "{model=\"" + MODEL + "\",version=\"1\"} ";
    for (String counter :
        List.of(
            "request_success",
            "request_failure",
            "count",
            "exec_count",
            "request_duration_us",
            "queue_duration_us",
            "compute_input_duration_us",
            "compute_infer_duration_us")) {
      String name = "nv_inference_" + counter;
      assertThat(metrics).contains("# TYPE " + name + " counter\n");
      assertThat(metrics)
          .containsPattern(java.util.regex.Pattern.quote(name + labels) + "[1-9][0-9]*\n");
    }
    assertThat(metrics)
        .contains("# TYPE nv_inference_pending_request_count gauge\n")
        .contains("nv_inference_pending_request_count" + labels + "0\n")
        .contains("# TYPE resfuse_request_seconds histogram\n")
        .containsPattern("resfuse_request_seconds_bucket\\{[^}]*le=\"\\+Inf\"\\} [1-9]")
        .containsPattern("resfuse_queue_seconds_count\\{[^}]*\\} [1-9]")
        .containsPattern("resfuse_batch_run_seconds_count\\{[^}]*\\} [1-9]")
        .containsPattern("resfuse_batch_images_bucket\\{[^}]*le=\"1.0\"\\} [1-9]")
        .containsPattern("resfuse_failures_total\\{[^}]*reason=\"invalid\"[^}]*\\} [1-9]");
  }
}
