package io.resfuse.server.rest;

import io.resfuse.server.protocol.ModelConfiguration;
import io.resfuse.server.protocol.ModelMetadata;
import io.resfuse.server.protocol.ModelStatistics;
import io.resfuse.server.protocol.ModelStatistics.Duration;
import io.resfuse.server.protocol.TensorMetadata;
import io.resfuse.server.repository.ModelState;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What is known of models, under the protocol's names. */
final class Json {
  private Json() {}

  private static Map<String, Object> map(Object... keysAndValues) {
    Map<String, Object> map = new LinkedHashMap<>();
    for (int i = 0; i < keysAndValues.length; i += 2) {
      map.put((String) keysAndValues[i], keysAndValues[i + 1]);
    }
    return map;
  }

  static Map<String, Object> of(ModelMetadata model) {
    return map(
        "name", model.name(),
        "versions", model.versions(),
        "platform", model.platform(),
        "inputs", tensors(model.inputs()),
        "outputs", tensors(model.outputs()));
  }

  private static List<Map<String, Object>> tensors(List<TensorMetadata> tensors) {
    List<Map<String, Object>> list = new ArrayList<>();
    for (TensorMetadata tensor : tensors) {
      list.add(map("name", tensor.name(), "datatype", tensor.datatype(), "shape", tensor.shape()));
    }
    return list;
  }

  static List<Map<String, Object>> index(List<ModelState> states) {
    List<Map<String, Object>> index = new ArrayList<>();
    for (ModelState state : states) {
      index.add(
          map(
              "name", state.name(),
              "version", state.version(),
              "state", state.state(),
              "reason", state.reason()));
    }
    return index;
  }

  /** As Triton's extension of statistics has it. */
  static Map<String, Object> of(ModelStatistics model) {
    List<Map<String, Object>> batches = new ArrayList<>();
    for (ModelStatistics.OfBatch batch : model.batches()) {
      batches.add(
          map(
              "batch_size", batch.size(),
              "compute_input", of(batch.preparation()),
              "compute_infer", of(batch.run()),
              "compute_output", of(Duration.NONE)));
    }
    return map(
        "name", model.name(),
        "version", model.version(),
        "last_inference", model.lastInferenceMillis(),
        "inference_count", model.images(),
        "execution_count", model.runs(),
        "inference_stats",
            map(
                "success", of(model.successes()),
                "fail", of(model.failures()),
                "queue", of(model.queue()),
                "compute_input", of(model.preparation()),
                "compute_infer", of(model.run()),
                "compute_output", of(model.output()),
                "cache_hit", of(Duration.NONE),
                "cache_miss", of(Duration.NONE)),
        "batch_stats", batches,
        "memory_usage", List.of());
  }

  private static Map<String, Object> of(Duration duration) {
    return map("count", duration.count(), "ns", duration.nanos());
  }

  /** As Triton's extension of model configurations has it. */
  static Map<String, Object> of(ModelConfiguration model) {
    List<Map<String, Object>> inputs = new ArrayList<>();
    for (ModelConfiguration.Tensor input : model.inputs()) {
      Map<String, Object> map = tensor(input);
      map.put("optional", model.inputs().size() > 1);
      inputs.add(map);
    }
    return map(
        "name", model.name(),
        "platform", model.platform(),
        "backend", ModelConfiguration.BACKEND,
        "version_policy", map("all", map()),
        "max_batch_size", model.mostImages(),
        "input", inputs,
        "output", model.outputs().stream().map(Json::tensor).toList(),
        "dynamic_batching",
            map(
                "preferred_batch_size", model.batchSizes(),
                "max_queue_delay_microseconds", model.queueDelayMicros(),
                "priority_levels", model.priorities(),
                "default_priority_level", model.usualPriority(),
                "default_queue_policy",
                    map(
                        "timeout_action",
                        "REJECT",
                        "default_timeout_microseconds",
                        0,
                        "allow_timeout_override",
                        true,
                        "max_queue_size",
                        model.queueSize())));
  }

  private static Map<String, Object> tensor(ModelConfiguration.Tensor tensor) {
    return map(
        "name", tensor.name(), "data_type", tensor.dataType().name(), "dims", tensor.dimensions());
  }
}
