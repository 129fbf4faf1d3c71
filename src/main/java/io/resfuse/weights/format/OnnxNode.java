package io.resfuse.weights.format;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A node of an ONNX graph.
 *
 * @param name its own, perhaps empty
 * @param op what it does, {@code Conv}
 * @param domain whose operator that is; empty for ONNX's own
 * @param inputs names of values, empty where an optional one is left out
 * @param outputs names of values
 * @param attributes by name: {@link Long}, {@link Float}, {@link String}, {@code long[]}, {@code
 *     float[]} or {@link OnnxTensor}; an attribute of another kind is {@link #OTHER}
 */
public record OnnxNode(
    String name,
    String op,
    String domain,
    List<String> inputs,
    List<String> outputs,
    Map<String, Object> attributes) {
  /** Stands for an attribute that is a graph, a list of texts, or something else unread. */
  public static final Object OTHER = new Object();

  /**
   * Copies the collections.
   *
   * @param name as in the record
   * @param op as in the record
   * @param domain as in the record
   * @param inputs as in the record
   * @param outputs as in the record
   * @param attributes as in the record
   */
  public OnnxNode {
    inputs = List.copyOf(inputs);
    outputs = List.copyOf(outputs);
    attributes = Collections.unmodifiableMap(new LinkedHashMap<>(attributes));
  }

  /**
   * A node of ONNX's own domain.
   *
   * @param name its own
   * @param op what it does
   * @param inputs names of values
   * @param output the name of the only output
   * @param attributes by name
   * @return the node
   */
  public static OnnxNode of(
      String name, String op, List<String> inputs, String output, Map<String, Object> attributes) {
    return new OnnxNode(name, op, "", inputs, List.of(output), attributes);
  }

  /**
   * An input.
   *
   * @param index from 0
   * @return its value's name, or an empty text if it is left out
   */
  public String input(int index) {
    return index < inputs.size() ? inputs.get(index) : "";
  }

  /**
   * Whether it is ONNX's own operator of a name.
   *
   * @param names of operators
   * @return true if it is one of them
   */
  public boolean is(String... names) {
    return domain.isEmpty() && List.of(names).contains(op);
  }

  /**
   * An attribute.
   *
   * @param attribute its name
   * @param type of its value
   * @param <T> the type
   * @return its value, or null if there is none of that name and type
   */
  public <T> @Nullable T attribute(String attribute, Class<T> type) {
    Object value = attributes.get(attribute);
    return type.isInstance(value) ? type.cast(value) : null;
  }

  /**
   * An attribute that is an integer.
   *
   * @param attribute its name
   * @param otherwise its value where it is left out
   * @return its value
   */
  public long integer(String attribute, long otherwise) {
    Long value = attribute(attribute, Long.class);
    return value == null ? otherwise : value;
  }

  /**
   * An attribute that is a float.
   *
   * @param attribute its name
   * @param otherwise its value where it is left out
   * @return its value
   */
  public float number(String attribute, float otherwise) {
    Float value = attribute(attribute, Float.class);
    return value == null ? otherwise : value;
  }

  /**
   * An attribute that is a list of integers.
   *
   * @param attribute its name
   * @param otherwise its value where it is left out
   * @return its value
   */
  public long[] integers(String attribute, long... otherwise) {
    long[] value = attribute(attribute, long[].class);
    return value == null ? otherwise : value.clone();
  }

  /** What it is and what it is called, or else what it gives: {@code Conv 'layer1.0.conv1'}. */
  @Override
  public String toString() {
    String kind = domain.isEmpty() ? op : domain + "." + op;
    if (!name.isEmpty()) {
      return kind + " '" + name + "'";
    }
    return outputs.isEmpty() ? kind : kind + " that gives '" + outputs.get(0) + "'";
  }
}
