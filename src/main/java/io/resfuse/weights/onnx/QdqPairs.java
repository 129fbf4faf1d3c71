package io.resfuse.weights.onnx;

import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.weights.format.OnnxNode;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The QuantizeLinear and DequantizeLinear of a graph, which are taken out of it: what is left is a
 * graph of floats, and here is which of its values are rounded, and which of its constants are
 * integers.
 */
final class QdqPairs {
  private final Graph graph;
  private final Map<String, Rounding> pending = new HashMap<>();
  private final Map<String, Rounding> roundings = new HashMap<>();
  private final Map<String, Integers> integers = new HashMap<>();
  private final Set<String> restored = new HashSet<>();
  private final Set<String> readers = new HashSet<>();

  /** What convolutions, batch norms and additions give: there a ReLU may have been left out. */
  private final Set<String> signed = new HashSet<>();

  QdqPairs(Graph graph) {
    this.graph = graph;
  }

  /**
   * The rounding of a value.
   *
   * @param node the QuantizeLinear
   * @param value what it takes
   * @param scale of a step
   * @param zeroPoint of unsigned bytes; that of signed ones is 128 less
   */
  record Rounding(OnnxNode node, String value, float scale, int zeroPoint) {
    boolean isSame(Rounding other) {
      return scale == other.scale && zeroPoint == other.zeroPoint;
    }
  }

  /**
   * A constant of integers.
   *
   * @param node the DequantizeLinear
   * @param values the integers
   * @param scale one, or one for each index of the axis
   * @param zeroPoint as many, or null for zeros
   * @param axis of the scales
   */
  record Integers(
      OnnxNode node, Constant values, Constant scale, @Nullable Constant zeroPoint, int axis) {}

  /** How a value of floats is rounded, or null. */
  @Nullable Rounding rounding(String value) {
    return roundings.get(value);
  }

  /** How many values are rounded. */
  int count() {
    return roundings.size();
  }

  /** The integers that a constant stands for, or null. */
  @Nullable Integers integers(String constant) {
    return integers.get(constant);
  }

  /** Whether the first input of a node is what integers stand for. */
  boolean readsIntegers(OnnxNode node) {
    return readers.contains(node.outputs().get(0));
  }

  /** Notes what is known of a node that stays. */
  void follow(OnnxNode node, List<String> resolved) {
    for (String input : resolved) {
      if (pending.containsKey(input)) {
        throw graph.refuse(node, "takes the integers that " + pending.get(input).node() + " gives");
      }
    }
    String output = node.outputs().get(0);
    if (restored.contains(node.input(0))) {
      readers.add(output);
    }
    if (node.is("Conv", "BatchNormalization", "Add", "Sum")) {
      signed.add(output);
    }
  }

  /** A value has another name. */
  void alias(OnnxNode node) {
    if (restored.contains(node.input(0))) {
      restored.add(node.outputs().get(0));
    }
  }

  /**
   * Takes a QuantizeLinear out. One that cannot store less than 0 is a ReLU, too, which quantisers
   * leave out before it.
   *
   * @return that ReLU, to be put into the graph; else null
   */
  @Nullable OnnxNode quantize(OnnxNode node, List<String> resolved) {
    Constant scale = resolved.size() > 1 ? graph.constant(resolved.get(1)) : null;
    int zeroPoint = zeroPoint(node, resolved);
    if (scale == null
        || Constant.isInteger(scale.type())
        || scale.shape().elements() != 1
        || node.integer("block_size", 0) != 0) {
      throw graph.refuse(node, "has no constant scale, one for all elements");
    }
    String value = resolved.get(0);
    OnnxNode relu = null;
    if (zeroPoint == 0 && signed.contains(value)) {
      String positive = node.outputs().get(0) + " (before it is rounded)";
      relu = OnnxNode.of(node.name(), "Relu", List.of(value), positive, Map.of());
      value = positive;
    }
    Rounding rounding = new Rounding(node, value, scale.floats().get().get(0), zeroPoint);
    Rounding other = roundings.putIfAbsent(value, rounding);
    if (other != null && !other.isSame(rounding)) {
      throw graph.refuse(node, "has another scale or zero point than " + other.node());
    }
    pending.put(node.outputs().get(0), rounding);
    return relu;
  }

  private int zeroPoint(OnnxNode node, List<String> resolved) {
    if (resolved.size() < 3 || resolved.get(2).isEmpty()) {
      long type = node.integer("output_dtype", 0);
      if (type != 0 && type != 2 && type != 3) {
        throw graph.refuse(node, "gives integers of other than 8 bits");
      }
      return type == 3 ? 128 : 0;
    }
    Constant given = graph.constant(resolved.get(2));
    boolean fits =
        given != null
            && (given.type() == DataType.UINT8 || given.type() == DataType.INT8)
            && given.shape().elements() == 1;
    if (!fits) {
      throw graph.refuse(node, "has no constant zero point of 8 bits");
    }
    int value = (int) given.floats().get().get(0);
    return given.type() == DataType.INT8 ? value + 128 : value;
  }

  /**
   * The value that a DequantizeLinear gives back, which is the one that was rounded.
   *
   * @return null if it takes something else than the result of a QuantizeLinear
   */
  @Nullable String dequantize(OnnxNode node, List<String> resolved) {
    Rounding rounding = pending.get(resolved.get(0));
    if (rounding == null) {
      return null;
    }
    Constant scale = resolved.size() > 1 ? graph.constant(resolved.get(1)) : null;
    boolean same =
        scale != null
            && scale.shape().elements() == 1
            && scale.floats().get().get(0) == rounding.scale
            && zeroPoint(node, resolved) == rounding.zeroPoint;
    if (!same) {
      throw graph.refuse(node, "has another scale or zero point than " + rounding.node());
    }
    restored.add(node.outputs().get(0));
    return rounding.value;
  }

  /** The floats that constant integers stand for. */
  Constant dequantize(OnnxNode node, Constant values, List<String> resolved) {
    Constant scale = resolved.size() > 1 ? graph.constant(resolved.get(1)) : null;
    boolean hasZeroPoint = resolved.size() > 2 && !resolved.get(2).isEmpty();
    Constant zeroPoint = hasZeroPoint ? graph.constant(resolved.get(2)) : null;
    int rank = values.shape().rank();
    long axis = node.integer("axis", 1);
    axis = axis < 0 ? axis + rank : axis;
    boolean isInteger =
        values.type() == DataType.INT8
            || values.type() == DataType.UINT8
            || values.type() == DataType.INT32;
    boolean fits =
        isInteger
            && scale != null
            && !Constant.isInteger(scale.type())
            && (scale.shape().elements() == 1
                || (scale.shape().rank() == 1
                    && axis >= 0
                    && axis < rank
                    && scale.shape().elements() == values.shape().dimension((int) axis)))
            && node.integer("block_size", 0) == 0
            && (zeroPoint == null
                ? !hasZeroPoint
                : zeroPoint.type() == values.type()
                    && zeroPoint.shape().elements() == scale.shape().elements());
    if (!fits) {
      throw graph.refuse(
          node, "has no constant integers of 8 or 32 bits with one scale, or one for each channel");
    }
    Integers found = new Integers(node, values, scale, zeroPoint, (int) axis);
    integers.put(node.outputs().get(0), found);
    return new Constant(DataType.FLOAT32, values.shape(), () -> floats(found), null);
  }

  private static HostTensor floats(Integers of) {
    HostTensor scale = of.scale().floats().get();
    HostTensor zeroPoint = of.zeroPoint() == null ? null : of.zeroPoint().floats().get();
    int scales = (int) scale.shape().elements();
    HostTensor values = of.values().floats().get();
    long[] exact = of.values().integers();
    int inner = 1;
    for (int i = of.axis() + 1; scales > 1 && i < values.shape().rank(); i++) {
      inner *= values.shape().dimension(i);
    }
    float[] floats = new float[(int) values.shape().elements()];
    for (int i = 0; i < floats.length; i++) {
      int channel = i / inner % scales;
      double value = exact == null ? values.get(i) : exact[i];
      double zero = zeroPoint == null ? 0 : zeroPoint.get(channel);
      floats[i] = (float) ((value - zero) * scale.get(channel));
    }
    return HostTensor.of(values.shape(), floats);
  }
}
