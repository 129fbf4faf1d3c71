package io.resfuse.server.grpc;

import io.resfuse.server.grpc.proto.DataType;
import io.resfuse.server.grpc.proto.InferBatchStatistics;
import io.resfuse.server.grpc.proto.InferStatistics;
import io.resfuse.server.grpc.proto.ModelConfig;
import io.resfuse.server.grpc.proto.ModelDynamicBatching;
import io.resfuse.server.grpc.proto.ModelInput;
import io.resfuse.server.grpc.proto.ModelMetadataResponse;
import io.resfuse.server.grpc.proto.ModelOutput;
import io.resfuse.server.grpc.proto.ModelQueuePolicy;
import io.resfuse.server.grpc.proto.ModelVersionPolicy;
import io.resfuse.server.grpc.proto.StatisticDuration;
import io.resfuse.server.protocol.ModelConfiguration;
import io.resfuse.server.protocol.ModelMetadata;
import io.resfuse.server.protocol.ModelStatistics;
import io.resfuse.server.protocol.TensorMetadata;

/** What is known of models, as messages of the protocol and of Triton's extensions. */
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

  static io.resfuse.server.grpc.proto.ModelStatistics of(ModelStatistics model) {
    io.resfuse.server.grpc.proto.ModelStatistics.Builder message =
        io.resfuse.server.grpc.proto.ModelStatistics.newBuilder()
            .setName(model.name())
            .setVersion(model.version())
            .setLastInference(model.lastInferenceMillis())
            .setInferenceCount(model.images())
            .setExecutionCount(model.runs())
            .setInferenceStats(
                InferStatistics.newBuilder()
                    .setSuccess(duration(model.successes()))
                    .setFail(duration(model.failures()))
                    .setQueue(duration(model.queue()))
                    .setComputeInput(duration(model.preparation()))
                    .setComputeInfer(duration(model.run()))
                    .setComputeOutput(duration(model.output())));
    for (ModelStatistics.OfBatch batch : model.batches()) {
      message.addBatchStats(
          InferBatchStatistics.newBuilder()
              .setBatchSize(batch.size())
              .setComputeInput(duration(batch.preparation()))
              .setComputeInfer(duration(batch.run())));
    }
    return message.build();
  }

  private static StatisticDuration duration(ModelStatistics.Duration duration) {
    return StatisticDuration.newBuilder()
        .setCount(duration.count())
        .setNs(duration.nanos())
        .build();
  }

  static ModelConfig of(ModelConfiguration model) {
    ModelConfig.Builder message =
        ModelConfig.newBuilder()
            .setName(model.name())
            .setPlatform(model.platform())
            .setBackend(ModelConfiguration.BACKEND)
            .setVersionPolicy(
                ModelVersionPolicy.newBuilder().setAll(ModelVersionPolicy.All.getDefaultInstance()))
            .setMaxBatchSize(model.mostImages())
            .setDynamicBatching(
                ModelDynamicBatching.newBuilder()
                    .addAllPreferredBatchSize(model.batchSizes())
                    .setMaxQueueDelayMicroseconds(model.queueDelayMicros())
                    .setPriorityLevels(model.priorities())
                    .setDefaultPriorityLevel(model.usualPriority())
                    .setDefaultQueuePolicy(
                        ModelQueuePolicy.newBuilder()
                            .setAllowTimeoutOverride(true)
                            .setMaxQueueSize(model.queueSize())));
    for (ModelConfiguration.Tensor input : model.inputs()) {
      message.addInput(
          ModelInput.newBuilder()
              .setName(input.name())
              .setDataType(type(input))
              .addAllDims(input.dimensions())
              .setOptional(model.inputs().size() > 1));
    }
    for (ModelConfiguration.Tensor output : model.outputs()) {
      message.addOutput(
          ModelOutput.newBuilder()
              .setName(output.name())
              .setDataType(type(output))
              .addAllDims(output.dimensions()));
    }
    return message.build();
  }

  private static DataType type(ModelConfiguration.Tensor tensor) {
    return switch (tensor.dataType()) {
      case TYPE_FP32 -> DataType.TYPE_FP32;
      case TYPE_STRING -> DataType.TYPE_STRING;
    };
  }
}
