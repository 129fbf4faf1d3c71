package io.resfuse.server;

import static io.resfuse.server.TestServer.MODEL;
import static io.resfuse.server.TestServer.json;
import static io.resfuse.server.TestServer.picture;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.protobuf.util.JsonFormat;
import io.grpc.ManagedChannel;
import io.resfuse.server.grpc.proto.GRPCInferenceServiceGrpc;
import io.resfuse.server.grpc.proto.GRPCInferenceServiceGrpc.GRPCInferenceServiceBlockingStub;
import io.resfuse.server.grpc.proto.ModelConfigRequest;
import io.resfuse.server.grpc.proto.ModelStatistics;
import io.resfuse.server.grpc.proto.ModelStatisticsRequest;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Triton's extensions that clients use: statistics and configurations of models. */
class ExtensionsTest {
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

  private static long count(JsonNode model, String of) {
    return model.at("/inference_stats/" + of + "/count").asLong();
  }

  @Test
  void statistics() throws Exception {
    long begin = System.currentTimeMillis();
    JsonNode before = json(server.get("/v2/models/stats")).at("/model_stats/0");
    for (int i = 0; i < 3; i++) {
      assertThat(server.classify(picture("bag")).statusCode()).isEqualTo(200);
    }
    assertThat(server.classify(new byte[1]).statusCode()).isEqualTo(400);
    JsonNode after = json(server.get("/v2/models/" + MODEL + "/stats")).at("/model_stats/0");
    assertThat(after.path("name").asText()).isEqualTo(MODEL);
    assertThat(after.path("version").asText()).isEqualTo("1");
    assertThat(after.path("last_inference").asLong()).isGreaterThanOrEqualTo(begin);
    for (String counter : List.of("inference_count", "execution_count")) {
      assertThat(after.path(counter).asLong() - before.path(counter).asLong())
          .as(counter)
          .isEqualTo(3);
    }
    assertThat(count(after, "success") - count(before, "success")).isEqualTo(3);
    assertThat(count(after, "fail") - count(before, "fail")).isEqualTo(1);
    // The picture that cannot be read is in a batch, which does not run.
    assertThat(count(after, "queue") - count(before, "queue")).isEqualTo(4);
    for (String each : List.of("success", "fail", "queue", "compute_infer", "compute_output")) {
      assertThat(after.at("/inference_stats/" + each + "/ns").asLong()).as(each).isPositive();
    }
    JsonNode batch = after.at("/batch_stats/0");
    assertThat(batch.path("batch_size").asInt()).isEqualTo(1);
    assertThat(batch.at("/compute_infer/count").asLong())
        .isEqualTo(after.path("execution_count").asLong());

    ModelStatistics message =
        stub.modelStatistics(ModelStatisticsRequest.newBuilder().setName(MODEL).build())
            .getModelStats(0);
    assertThat(message.getInferenceCount()).isEqualTo(after.path("inference_count").asLong());
    assertThat(message.getInferenceStats().getFail().getCount()).isEqualTo(count(after, "fail"));
    assertThat(message.getBatchStats(0).getComputeInfer().getNs())
        .isEqualTo(batch.at("/compute_infer/ns").asLong());
    assertThat(
            stub.modelStatistics(ModelStatisticsRequest.getDefaultInstance()).getModelStatsList())
        .containsExactly(message);
    assertThat(json(server.get("/v2/models/" + MODEL + "/versions/1/stats")))
        .isEqualTo(json(server.get("/v2/models/stats")));
    for (String path :
        List.of("/v2/models/other/stats", "/v2/models/" + MODEL + "/versions/2/config")) {
      assertThat(server.get(path).statusCode()).as(path).isEqualTo(404);
    }
  }

  @Test
  void configuration() throws Exception {
    JsonNode config = json(server.get("/v2/models/" + MODEL + "/config"));
    assertThat(config.toString())
        .isEqualTo(
            "{'name':'%s','platform':'resfuse_onednn','backend':'resfuse','version_policy':{'all':{}},"
                    .formatted(MODEL)
                    .replace('\'', '"')
                + ("'max_batch_size':4096,'input':["
                        + "{'name':'image','data_type':'TYPE_STRING','dims':[1],'optional':true},"
                        + "{'name':'input','data_type':'TYPE_FP32','dims':[1,28,28],'optional':true}],"
                        + "'output':[{'name':'logits','data_type':'TYPE_FP32','dims':[10]},"
                        + "{'name':'probabilities','data_type':'TYPE_FP32','dims':[10]}],"
                        + "'dynamic_batching':{'preferred_batch_size':[1,4],"
                        + "'max_queue_delay_microseconds':1000,'priority_levels':1,"
                        + "'default_priority_level':1,'default_queue_policy':{'timeout_action':'REJECT',"
                        + "'default_timeout_microseconds':0,'allow_timeout_override':true,"
                        + "'max_queue_size':4096}}}")
                    .replace('\'', '"'));
    var message = stub.modelConfig(ModelConfigRequest.newBuilder().setName(MODEL).build());
    JsonNode ofMessage =
        TestServer.MAPPER.readTree(
            JsonFormat.printer()
                .preservingProtoFieldNames()
                .omittingInsignificantWhitespace()
                .print(message.getConfig()));
    for (String field :
        List.of("name", "platform", "backend", "version_policy", "max_batch_size")) {
      assertThat(ofMessage.path(field)).as(field).isEqualTo(config.path(field));
    }
    assertThat(message.getConfig().getInput(1).getDimsList()).containsExactly(1L, 28L, 28L);
    assertThat(message.getConfig().getInput(0).getDataType().name()).isEqualTo("TYPE_STRING");
    assertThat(message.getConfig().getInput(0).getOptional()).isTrue();
    assertThat(message.getConfig().getOutput(0).getDimsList()).containsExactly(10L);
    assertThat(message.getConfig().getDynamicBatching().getPreferredBatchSizeList())
        .containsExactly(1, 4);
    assertThat(message.getConfig().getDynamicBatching().getDefaultQueuePolicy().getMaxQueueSize())
        .isEqualTo(4096);
  }
}
