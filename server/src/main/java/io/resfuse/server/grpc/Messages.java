package io.resfuse.server.grpc;

import io.resfuse.server.grpc.proto.ModelMetadataResponse;
import io.resfuse.server.protocol.ModelMetadata;
import io.resfuse.server.protocol.TensorMetadata;

/** What is known of models, as messages of the protocol. */
final class Messages {
  private Messages() {}

  static ModelMetadataResponse of(ModelMetadata model) {
    ModelMetadataResponse.Builder response =
        ModelMetadataResponse.newBuilder()
            .setName(model.name())
            .addAllVersions(model.versions())
            .setPlatform(model.platform());
    model.inputs().forEach(input -> response.addInputs(tensor(input)));
    model.outputs().forEach(output -> response.addOutputs(tensor(output)));
    return response.build();
  }

  private static ModelMetadataResponse.TensorMetadata tensor(TensorMetadata tensor) {
    return ModelMetadataResponse.TensorMetadata.newBuilder()
        .setName(tensor.name())
        .setDatatype(tensor.datatype())
        .addAllShape(tensor.shape())
        .build();
  }
}
