package io.resfuse.server.rest;

import io.resfuse.server.protocol.ModelMetadata;
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
}
