package io.resfuse.weights.onnx;

import io.resfuse.weights.format.OnnxNode;
import io.resfuse.weights.onnx.MatchedNetwork.Subsampling;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Follows a shortcut without parameters (option A): slices with a step over rows and columns, by
 * one node or two, or pooling of single pixels; then zeros as channels before and after.
 */
final class Subsampler {
  private static final long MOST = 1 << 20;

  private final Graph graph;
  private final Layers layers;
  private final long[] strides = {1, 1};
  private int before;
  private int after;
  private @Nullable OnnxNode last;

  Subsampler(Graph graph, Layers layers) {
    this.graph = graph;
    this.layers = layers;
  }

  /** Whether it has followed any node. */
  boolean isUsed() {
    return last != null;
  }

  /** Follows a node; false if it does not belong to such a shortcut. */
  boolean follow(Feature value, OnnxNode node) {
    boolean padded = before + after > 0;
    boolean fits =
        value.isNchw()
            && !value.isPadded()
            && !padded
            && (slice(node) || singlePixels(node) || channels(value, node));
    if (fits) {
      last = node;
    }
    return fits;
  }

  private boolean slice(OnnxNode node) {
    List<@Nullable Constant> inputs = graph.parameters(node);
    ConstantFolding.Slice slice = node.is("Slice") ? ConstantFolding.Slice.of(node, inputs) : null;
    if (slice == null) {
      return false;
    }
    for (int i = 0; i < slice.axes().length; i++) {
      long axis = slice.axes()[i] < 0 ? slice.axes()[i] + 4 : slice.axes()[i];
      boolean whole = slice.starts()[i] == 0 && slice.ends()[i] >= Integer.MAX_VALUE;
      long step = slice.steps()[i];
      if (!whole || axis < 0 || axis > 3 || step < 1 || step > 100 || (axis < 2 && step > 1)) {
        return false;
      }
      if (axis >= 2) {
        strides[(int) axis - 2] *= step;
      }
    }
    return strides[0] <= MOST && strides[1] <= MOST;
  }

  private boolean singlePixels(OnnxNode node) {
    long[] step = node.integers("strides", 1, 1);
    boolean fits =
        node.is("MaxPool", "AveragePool")
            && Arrays.equals(node.integers("kernel_shape"), new long[] {1, 1})
            && Arrays.stream(node.integers("pads")).allMatch(pad -> pad == 0)
            && node.integer("ceil_mode", 0) == 0
            && step.length == 2
            && Arrays.stream(step).allMatch(s -> s >= 1 && s <= 100);
    if (fits) {
      strides[0] *= step[0];
      strides[1] *= step[1];
    }
    return fits && strides[0] <= MOST && strides[1] <= MOST;
  }

  private boolean channels(Feature value, OnnxNode node) {
    if (!node.is("Pad")) {
      return false;
    }
    long[] pads = layers.pads(value, node);
    boolean channelsOnly = pads[2] == 0 && pads[3] == 0 && pads[6] == 0 && pads[7] == 0;
    before = (int) pads[1];
    after = (int) pads[5];
    return channelsOnly && before + after > 0;
  }

  /** What it has found before an addition. */
  @Nullable Subsampling found(OnnxNode add) {
    if (last == null) {
      return null;
    }
    if (strides[0] != strides[1]) {
      throw graph.refuse(add, "adds something with other strides in rows than in columns");
    }
    return new Subsampling(last, (int) strides[0], before, after);
  }
}
