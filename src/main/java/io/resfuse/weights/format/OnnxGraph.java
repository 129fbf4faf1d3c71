package io.resfuse.weights.format;

import io.resfuse.tensor.HostTensor;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A graph to be written as ONNX.
 *
 * @param name its own
 * @param inputs but the initializers
 * @param outputs its results
 * @param nodes each after those that it needs
 * @param weights initializers of float32 by name; written in the map's order
 * @param integers initializers that are vectors of 64-bit integers, by name
 * @param quantized initializers of 8 and 32-bit integers, by name; written in the map's order,
 *     always into the file itself
 */
public record OnnxGraph(
    String name,
    List<OnnxValue> inputs,
    List<OnnxValue> outputs,
    List<OnnxNode> nodes,
    Map<String, HostTensor> weights,
    Map<String, long[]> integers,
    Map<String, IntegerTensor> quantized) {
  /**
   * Copies the collections.
   *
   * @param name as in the record
   * @param inputs as in the record
   * @param outputs as in the record
   * @param nodes as in the record
   * @param weights as in the record
   * @param integers as in the record
   * @param quantized as in the record
   */
  public OnnxGraph {
    inputs = List.copyOf(inputs);
    outputs = List.copyOf(outputs);
    nodes = List.copyOf(nodes);
    weights = Collections.unmodifiableMap(new LinkedHashMap<>(weights));
    integers = Collections.unmodifiableMap(new LinkedHashMap<>(integers));
    quantized = Collections.unmodifiableMap(new LinkedHashMap<>(quantized));
  }

  /**
   * A graph of floats.
   *
   * @param name as in the record
   * @param inputs as in the record
   * @param outputs as in the record
   * @param nodes as in the record
   * @param weights as in the record
   * @param integers as in the record
   */
  public OnnxGraph(
      String name,
      List<OnnxValue> inputs,
      List<OnnxValue> outputs,
      List<OnnxNode> nodes,
      Map<String, HostTensor> weights,
      Map<String, long[]> integers) {
    this(name, inputs, outputs, nodes, weights, integers, Map.of());
  }
}
