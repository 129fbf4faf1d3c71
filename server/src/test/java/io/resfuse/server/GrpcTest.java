package io.resfuse.server;

import static io.resfuse.server.TestServer.MODEL;
import static io.resfuse.server.TestServer.picture;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.protobuf.ByteString;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.resfuse.server.grpc.proto.GRPCInferenceServiceGrpc;
import io.resfuse.server.grpc.proto.GRPCInferenceServiceGrpc.GRPCInferenceServiceBlockingStub;
import io.resfuse.server.grpc.proto.GrpcPredictV2;
import io.resfuse.server.grpc.proto.InferParameter;
import io.resfuse.server.grpc.proto.InferTensorContents;
import io.resfuse.server.grpc.proto.ModelInferRequest;
import io.resfuse.server.grpc.proto.ModelInferRequest.InferInputTensor;
import io.resfuse.server.grpc.proto.ModelInferRequest.InferRequestedOutputTensor;
import io.resfuse.server.grpc.proto.ModelInferResponse;
import io.resfuse.server.grpc.proto.ModelMetadataRequest;
import io.resfuse.server.grpc.proto.ModelReadyRequest;
import io.resfuse.server.grpc.proto.RepositoryIndexRequest;
import io.resfuse.server.grpc.proto.ServerLiveRequest;
import io.resfuse.server.grpc.proto.ServerMetadataRequest;
import io.resfuse.server.grpc.proto.ServerReadyRequest;
import java.io.File;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** KServe's protocol over gRPC: the answers are those of REST. */
class GrpcTest {
  @TempDir static Path folder;

  private static TestServer server;
  private static ManagedChannel channel;
  private static GRPCInferenceServiceBlockingStub stub;

  @BeforeAll
  static void start() {
    server = TestServer.start();
    channel = server.channel();
    stub = GRPCInferenceServiceGrpc.newBlockingStub(channel);
  }

  @AfterAll
  static void stop() {
    channel.shutdownNow();
    server.close();
  }

  private static void assertFails(Executable call, Status.Code code, String message) {
    StatusRuntimeException failure =
        org.junit.jupiter.api.Assertions.assertThrows(StatusRuntimeException.class, call);
    assertThat(failure.getStatus().getDescription()).isEqualTo(message);
    assertThat(failure.getStatus().getCode()).isEqualTo(code);
  }

  private static ModelInferRequest.Builder request(long count) {
    return ModelInferRequest.newBuilder()
        .setModelName(MODEL)
        .setId("7")
        .addInputs(
            InferInputTensor.newBuilder().setName("image").setDatatype("BYTES").addShape(count));
  }

  private static float[] logitsOverRest(String picture) throws Exception {
    JsonNode data = TestServer.json(server.classify(picture(picture))).at("/outputs/0/data");
    float[] logits = new float[10];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) data.get(i).asDouble();
    }
    return logits;
  }

  @Test
  void saysWhatItIs() {
    assertThat(stub.serverLive(ServerLiveRequest.getDefaultInstance()).getLive()).isTrue();
    assertThat(stub.serverReady(ServerReadyRequest.getDefaultInstance()).getReady()).isTrue();
    assertThat(stub.modelReady(ModelReadyRequest.newBuilder().setName(MODEL).build()).getReady())
        .isTrue();
    assertThat(stub.serverMetadata(ServerMetadataRequest.getDefaultInstance()).getName())
        .isEqualTo("resfuse");
    var model = stub.modelMetadata(ModelMetadataRequest.newBuilder().setName(MODEL).build());
    assertThat(model.getVersionsList()).containsExactly("1");
    assertThat(model.getInputs(1).getShapeList()).containsExactly(-1L, 1L, 28L, 28L);
    assertThat(model.getOutputs(0).getName()).isEqualTo("logits");
    var index = stub.repositoryIndex(RepositoryIndexRequest.getDefaultInstance());
    assertThat(index.getModels(0).getState()).isEqualTo("READY");
    var health = HealthGrpc.newBlockingStub(channel);
    for (String service : List.of("", "inference.GRPCInferenceService")) {
      assertThat(
              health.check(HealthCheckRequest.newBuilder().setService(service).build()).getStatus())
          .isEqualTo(ServingStatus.SERVING);
    }
  }

  @Test
  void contentsAndRawContents() throws Exception {
    ByteString bag = ByteString.copyFrom(picture("bag"));
    ModelInferRequest.Builder contents = request(1);
    contents
        .getInputsBuilder(0)
        .setContents(InferTensorContents.newBuilder().addBytesContents(bag));
    ModelInferResponse answer = stub.modelInfer(contents.build());
    assertThat(answer.getId()).isEqualTo("7");
    assertThat(answer.getModelVersion()).isEqualTo("1");
    float[] expected = logitsOverRest("bag");
    for (int i = 0; i < expected.length; i++) {
      assertThat(answer.getOutputs(0).getContents().getFp32Contents(i)).isEqualTo(expected[i]);
    }
    ByteBuffer raw = ByteBuffer.allocate(4 + bag.size()).order(ByteOrder.LITTLE_ENDIAN);
    raw.putInt(bag.size()).put(bag.toByteArray()).flip();
    ModelInferResponse rawAnswer =
        stub.modelInfer(request(1).addRawInputContents(ByteString.copyFrom(raw)).build());
    assertThat(rawAnswer.getOutputs(0).hasContents()).isFalse();
    float[] logits = new float[10];
    rawAnswer
        .getRawOutputContents(0)
        .asReadOnlyByteBuffer()
        .order(ByteOrder.LITTLE_ENDIAN)
        .asFloatBuffer()
        .get(logits);
    assertThat(logits).containsExactly(expected);
  }

  @Test
  void classes() {
    ModelInferRequest.Builder request = request(1);
    request
        .getInputsBuilder(0)
        .setContents(
            InferTensorContents.newBuilder().addBytesContents(ByteString.copyFrom(picture("bag"))));
    request.addOutputs(
        InferRequestedOutputTensor.newBuilder()
            .setName("probabilities")
            .putParameters("classification", InferParameter.newBuilder().setInt64Param(2).build()));
    var output = stub.modelInfer(request.build()).getOutputs(0);
    assertThat(output.getShapeList()).containsExactly(1L, 2L);
    assertThat(output.getContents().getBytesContents(0).toString(UTF_8))
        .isEqualTo("1.000000:8:Bag");
  }

  @Test
  void whatIsWrongHasItsStatus() {
    assertFails(
        () -> stub.modelInfer(request(1).setModelName("other").build()),
        Status.Code.NOT_FOUND,
        "no model is named 'other'; there are [" + MODEL + "]");
    assertFails(
        () -> stub.modelInfer(request(1).build()),
        Status.Code.INVALID_ARGUMENT,
        "input 'image' has shape [number of pictures], got [1] with 0 elements");
    assertFails(
        () ->
            stub.modelInfer(request(1).addRawInputContents(ByteString.copyFromUtf8("ab")).build()),
        Status.Code.INVALID_ARGUMENT,
        "input 'image': element 0 of BYTES ends behind the data; each is 4 bytes of length (little"
            + " endian) and as many bytes");
    ModelInferRequest.Builder many = request(1);
    for (int i = 0; i < 65; i++) {
      many.addOutputsBuilder().setName("logits");
    }
    assertFails(
        () -> stub.modelInfer(many.build()),
        Status.Code.INVALID_ARGUMENT,
        "a request has at most 64 outputs here");
    ModelInferRequest.Builder late = request(1);
    late.putParameters("timeout", InferParameter.newBuilder().setInt64Param(1).build());
    late.getInputsBuilder(0)
        .setContents(
            InferTensorContents.newBuilder().addBytesContents(ByteString.copyFrom(picture("bag"))));
    assertFails(
        () -> stub.modelInfer(late.build()),
        Status.Code.DEADLINE_EXCEEDED,
        "the deadline passed before the request could run");
    StatusRuntimeException large =
        org.junit.jupiter.api.Assertions.assertThrows(
            StatusRuntimeException.class,
            () ->
                stub.modelInfer(
                    request(1)
                        .addRawInputContents(ByteString.copyFrom(new byte[2 << 20]))
                        .build()));
    assertThat(large.getStatus().getCode())
        .isIn(Status.Code.RESOURCE_EXHAUSTED, Status.Code.CANCELLED);
  }

  /** A client that is not ours: its messages are made of the description of the protocol. */
  @Test
  void pythonsClient() throws Exception {
    File python = new File("/usr/bin/python3");
    boolean hasGrpc =
        python.canExecute()
            && new ProcessBuilder(python.getPath(), "-c", "import grpc, google.protobuf")
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start()
                    .waitFor()
                == 0;
    String why = "/usr/bin/python3 has no grpc (Debian: python3-grpcio, python3-protobuf)";
    if (!hasGrpc) {
      System.err.println("[WARNING] skipped: GrpcTest.pythonsClient: " + why);
    }
    assumeTrue(hasGrpc, why);
    Path description = folder.resolve("protocol.bin");
    Files.write(description, GrpcPredictV2.getDescriptor().toProto().toByteArray());
    Process process =
        new ProcessBuilder(
                python.getPath(),
                "src/test/resources/io/resfuse/server/client.py",
                description.toString(),
                "127.0.0.1:" + server.server().grpcPort(),
                MODEL,
                TestServer.PICTURES.resolve("bag.png").toString(),
                TestServer.PICTURES.resolve("trouser.png").toString())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
    assertThat(output).contains("bag.png Bag\n", "trouser.png Trouser\n", "NOT_FOUND\n");
    assertThat(process.exitValue()).as(output).isZero();
  }
}
