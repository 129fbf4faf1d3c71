package io.resfuse.server;

import static io.resfuse.server.TestServer.MODEL;
import static io.resfuse.server.TestServer.picture;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import inference.GrpcPredictV2.InferTensorContents;
import inference.GrpcPredictV2.ModelInferRequest;
import inference.GrpcPredictV2.ModelInferResponse;
import inference.GrpcPredictV2.ModelMetadataResponse;
import inference.GrpcPredictV2.ModelReadyResponse;
import inference.GrpcPredictV2.ServerLiveResponse;
import inference.GrpcPredictV2.ServerMetadataResponse;
import inference.GrpcPredictV2.ServerReadyResponse;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.impl.DefaultCamelContext;
import org.junit.jupiter.api.Test;

/** Apache Camel's component for KServe, which has its own idea of the protocol, as a client. */
class CamelTest {
  @Test
  void asksAllThatItCan() throws Exception {
    try (TestServer server = TestServer.start();
        DefaultCamelContext camel = new DefaultCamelContext()) {
      camel.start();
      ProducerTemplate producer = camel.createProducerTemplate();
      String target = "?target=127.0.0.1:" + server.server().grpcPort();
      String model = target + "&modelName=" + MODEL + "&modelVersion=1";
      assertThat(
              producer
                  .requestBody("kserve:server/live" + target, null, ServerLiveResponse.class)
                  .getLive())
          .isTrue();
      assertThat(
              producer
                  .requestBody("kserve:server/ready" + target, null, ServerReadyResponse.class)
                  .getReady())
          .isTrue();
      assertThat(
              producer
                  .requestBody(
                      "kserve:server/metadata" + target, null, ServerMetadataResponse.class)
                  .getName())
          .isEqualTo("resfuse");
      assertThat(
              producer
                  .requestBody("kserve:model/ready" + model, null, ModelReadyResponse.class)
                  .getReady())
          .isTrue();
      assertThat(
              producer
                  .requestBody("kserve:model/metadata" + model, null, ModelMetadataResponse.class)
                  .getOutputs(0)
                  .getShapeList())
          .containsExactly(-1L, 10L);
      ModelInferRequest.Builder request = ModelInferRequest.newBuilder();
      request
          .addInputsBuilder()
          .setName("image")
          .setDatatype("BYTES")
          .addShape(1)
          .setContents(
              InferTensorContents.newBuilder()
                  .addBytesContents(ByteString.copyFrom(picture("bag"))));
      ModelInferResponse answer =
          producer.requestBody("kserve:infer" + model, request.build(), ModelInferResponse.class);
      assertThat(answer.getModelName()).isEqualTo(MODEL);
      double[] expected =
          TestServer.MAPPER.convertValue(
              TestServer.json(server.classify(picture("bag"))).at("/outputs/0/data"),
              double[].class);
      for (int i = 0; i < 10; i++) {
        assertThat(answer.getOutputs(0).getContents().getFp32Contents(i))
            .isEqualTo((float) expected[i]);
      }
    }
  }
}
