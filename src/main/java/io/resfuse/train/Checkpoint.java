package io.resfuse.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.resfuse.tensor.HostTensor;
import io.resfuse.weights.format.SafetensorsWriter;
import io.resfuse.weights.format.TensorFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * All that a training needs to go on as if it had not stopped, as a safetensors file: {@code
 * model/NAME}, {@code optimizer/NAME}, {@code average/NAME}, and as metadata the state, the recipe,
 * the classes' names and a CRC-32C over everything, so that a file that is damaged anywhere is told
 * from a whole one.
 *
 * @param state where the training stands
 * @param recipe as JSON
 * @param classes names in the order of the outputs; empty in files of versions that did not say
 * @param model by parameter
 * @param optimizer as the plan gave it
 * @param average by parameter; empty without an average
 */
record Checkpoint(
    RunState state,
    String recipe,
    List<String> classes,
    Map<String, HostTensor> model,
    Map<String, HostTensor> optimizer,
    Map<String, HostTensor> average) {
  private static final String STATE = "resfuse.training.state";
  private static final String RECIPE = "resfuse.training.recipe";
  private static final String CLASSES = "resfuse.training.classes";
  private static final String CHECKSUM = "resfuse.training.crc32c";
  private static final String MODEL = "model/";
  private static final String OPTIMIZER = "optimizer/";
  private static final String AVERAGE = "average/";
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final int CHUNK = 1 << 16;

  /** Writes it; whoever opens the target sees all of it or what was there before. */
  void write(Path target) {
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    model.forEach((name, tensor) -> tensors.put(MODEL + name, tensor));
    optimizer.forEach((name, tensor) -> tensors.put(OPTIMIZER + name, tensor));
    average.forEach((name, tensor) -> tensors.put(AVERAGE + name, tensor));
    String stateJson = state.toJson();
    String classesJson = MAPPER.valueToTree(classes).toString();
    String checksum = checksum(stateJson, recipe + classesJson, tensors);
    SafetensorsWriter.write(
        target,
        tensors,
        Map.of(STATE, stateJson, RECIPE, recipe, CLASSES, classesJson, CHECKSUM, checksum));
  }

  /**
   * Reads one, into the heap.
   *
   * @throws io.resfuse.weights.format.WeightsException if the file cannot be read or is cut short
   * @throws IllegalArgumentException if it is another kind of file, or damaged
   */
  static Checkpoint read(Path file) {
    TensorFile stored = TensorFile.open(file);
    String stateJson = metadata(stored, STATE);
    String recipe = metadata(stored, RECIPE);
    Map<String, HostTensor> all = new LinkedHashMap<>();
    stored.tensors().forEach((name, tensor) -> all.put(name, tensor.load().copy()));
    String classesJson = stored.metadata().getOrDefault(CLASSES, "");
    if (!checksum(stateJson, recipe + classesJson, all).equals(metadata(stored, CHECKSUM))) {
      throw new IllegalArgumentException(file + ": its checksum is wrong, the file is damaged");
    }
    return new Checkpoint(
        RunState.fromJson(stateJson),
        recipe,
        classesJson.isEmpty() ? List.of() : names(classesJson),
        part(all, MODEL),
        part(all, OPTIMIZER),
        part(all, AVERAGE));
  }

  private static List<String> names(String json) {
    try {
      return List.of(MAPPER.readValue(json, String[].class));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("its classes are not JSON", e);
    }
  }

  private static String metadata(TensorFile file, String key) {
    String value = file.metadata().get(key);
    if (value == null) {
      throw new IllegalArgumentException(file.path() + ": is no checkpoint of a training");
    }
    return value;
  }

  private static Map<String, HostTensor> part(Map<String, HostTensor> all, String prefix) {
    Map<String, HostTensor> part = new LinkedHashMap<>();
    all.forEach(
        (name, tensor) -> {
          if (name.startsWith(prefix)) {
            part.put(name.substring(prefix.length()), tensor);
          }
        });
    return part;
  }

  private static String checksum(String state, String recipe, Map<String, HostTensor> tensors) {
    CRC32C sum = new CRC32C();
    sum.update(state.getBytes(StandardCharsets.UTF_8));
    sum.update(recipe.getBytes(StandardCharsets.UTF_8));
    ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES * CHUNK).order(ByteOrder.LITTLE_ENDIAN);
    tensors.forEach(
        (name, tensor) -> {
          sum.update((name + tensor.shape()).getBytes(StandardCharsets.UTF_8));
          FloatBuffer elements = tensor.buffer();
          for (int at = 0; at < elements.capacity(); at += CHUNK) {
            int count = Math.min(CHUNK, elements.capacity() - at);
            bytes.clear().limit(Float.BYTES * count);
            bytes.asFloatBuffer().put(0, elements, at, count);
            sum.update(bytes);
          }
        });
    return Long.toHexString(sum.getValue());
  }
}
