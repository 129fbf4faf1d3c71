package io.resfuse.weights.format;

import java.util.List;

/**
 * An input or output of an ONNX graph.
 *
 * @param name of the value
 * @param dimensions each a number or, where it is not fixed, a name (perhaps empty); no dimensions
 *     are also those of a value whose shape is not stated
 */
public record OnnxValue(String name, List<Object> dimensions) {
  /**
   * Copies the list.
   *
   * @param name as in the record
   * @param dimensions as in the record: {@link Long} or {@link String}
   */
  public OnnxValue {
    dimensions = List.copyOf(dimensions);
  }

  /**
   * A dimension.
   *
   * @param axis from 0
   * @return its size, or -1 if that is not fixed or not stated
   */
  public long size(int axis) {
    return axis < dimensions.size() && dimensions.get(axis) instanceof Long size ? size : -1;
  }
}
