package io.resfuse.weights.format;

import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What an ONNX file says: a graph of nodes, its weights, and who made it. Immutable and
 * thread-safe; tensors are read when they are asked for.
 *
 * @param path the file
 * @param irVersion of the format
 * @param opset version of ONNX's own operators
 * @param producer who made it, perhaps empty
 * @param metadata what else it says ({@code metadata_props})
 * @param inputs of the graph; old files list the initializers, too
 * @param outputs of the graph
 * @param nodes in the file's order
 * @param initializers by name, in the file's order
 */
public record OnnxModel(
    Path path,
    long irVersion,
    long opset,
    String producer,
    Map<String, String> metadata,
    List<OnnxValue> inputs,
    List<OnnxValue> outputs,
    List<OnnxNode> nodes,
    Map<String, OnnxTensor> initializers) {
  /** Where {@link TensorFile#metadata} has {@link #about}. */
  public static final String ABOUT = "resfuse.onnx";

  /**
   * Copies the collections.
   *
   * @param path as in the record
   * @param irVersion as in the record
   * @param opset as in the record
   * @param producer as in the record
   * @param metadata as in the record
   * @param inputs as in the record
   * @param outputs as in the record
   * @param nodes as in the record
   * @param initializers as in the record
   */
  public OnnxModel {
    metadata = Collections.unmodifiableMap(new LinkedHashMap<>(metadata));
    inputs = List.copyOf(inputs);
    outputs = List.copyOf(outputs);
    nodes = List.copyOf(nodes);
    initializers = Collections.unmodifiableMap(new LinkedHashMap<>(initializers));
  }

  /**
   * Opens a file.
   *
   * @param path an ONNX file; external data lies beside it
   * @return what is in it
   * @throws WeightsException if it cannot be read or is damaged
   */
  public static OnnxModel open(Path path) {
    return OnnxReader.read(MappedFile.open(path));
  }

  /**
   * One line about the file itself.
   *
   * @return operator set, version of the format, who made it
   */
  public String about() {
    return "opset "
        + opset
        + ", IR version "
        + irVersion
        + ", made by "
        + (producer.isBlank() ? "nobody that it names" : producer.strip());
  }

  /** As a file of weights, whose tensors are the initializers. */
  TensorFile tensorFile() {
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    initializers.forEach((name, tensor) -> tensors.put(name, tensor.stored()));
    Map<String, String> said = new LinkedHashMap<>(metadata);
    said.put(ABOUT, about());
    return new TensorFile(path, WeightFormat.ONNX, said, tensors).withGraph(this);
  }
}
