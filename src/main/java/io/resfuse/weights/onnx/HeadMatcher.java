package io.resfuse.weights.onnx;

import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.OnnxNode;
import io.resfuse.weights.onnx.MatchedNetwork.Head;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Matches what follows the blocks: the mean over rows and columns, a change of shape, a linear
 * layer, perhaps Softmax; or nothing.
 */
final class HeadMatcher {
  private final Graph graph;
  private final Layers layers;
  private final List<String> notes;
  private final Set<String> ends;

  HeadMatcher(Graph graph, Layers layers, List<String> notes, Set<String> ends) {
    this.graph = graph;
    this.layers = layers;
    this.notes = notes;
    this.ends = ends;
  }

  /** The linear layer, or null if the graph ends before. Adds what may be given to the ends. */
  @Nullable Head match(Feature features) {
    if (graph.consumers(features.value()).isEmpty()) {
      return null;
    }
    Feature at = layers.skip(features);
    OnnxNode pool = graph.only(at.value());
    boolean flat = isFlatAfter(at, pool);
    String value = pool.outputs().get(0);
    ends.add(value);
    while (true) {
      List<OnnxNode> next = graph.consumers(value);
      if (next.isEmpty()) {
        notes.add("it ends with the mean over rows and columns, which is left out");
        return null;
      }
      OnnxNode node = graph.only(value);
      if (node.is("Gemm", "MatMul")) {
        if (!flat) {
          throw graph.refuse(node, "takes four dimensions");
        }
        return linear(node, value);
      }
      flat = isFlatAfterReshaping(node, flat);
      value = node.outputs().get(0);
      ends.add(value);
    }
  }

  /** Whether a mean over rows and columns leaves them out; anything else is refused. */
  private boolean isFlatAfter(Feature in, OnnxNode node) {
    if (node.is("GlobalAveragePool") && layers.isMeanOfPixels(in, node)) {
      return false;
    }
    if (layers.isMeanOfPixels(in, node)) {
      return node.integer("keepdims", 1) == 0;
    }
    if (node.is("AveragePool") && in.isNchw() && !in.isPadded()) {
      long[] kernel = node.integers("kernel_shape");
      boolean all =
          kernel.length == 2
              && kernel[0] == in.height()
              && kernel[1] == in.width()
              && node.attribute("auto_pad", String.class) == null
              && Arrays.stream(node.integers("pads")).allMatch(pad -> pad == 0);
      if (!all) {
        throw graph.refuse(
            node,
            "takes the mean over "
                + Arrays.toString(kernel)
                + " pixels, which are not all of "
                + (in.height() < 0 ? "a picture of any size" : in.height() + "x" + in.width()));
      }
      notes.add("its mean over a window is one over all rows and columns here");
      return false;
    }
    throw graph.refuse(
        node, "is where another block, or the mean over rows and columns, is wanted");
  }

  /** Whether only pictures and channels are left after a node that moves nothing. */
  boolean isFlatAfterReshaping(OnnxNode node, boolean flat) {
    if (node.is("Flatten") && node.integer("axis", 1) == 1) {
      return true;
    }
    if (node.is("Transpose") && !flat) {
      int[] order = layers.permutation(node);
      if (order[0] == 0) {
        return false;
      }
    }
    if (node.is("Squeeze") && !flat) {
      long[] axes = Layers.integers(node, "axes", graph.parameters(node), 0);
      if (axes != null
          && axes.length == 2
          && Arrays.stream(axes).noneMatch(a -> a == 0 || a == -4)) {
        return true;
      }
    }
    if (node.is("Reshape")) {
      long[] shape = Layers.integers(node, "shape", graph.parameters(node), 0);
      if (shape != null && shape.length == 2 && keepsPictures(shape)) {
        return true;
      }
    }
    throw graph.refuse(
        node, "does not belong between the mean over rows and columns and the linear layer");
  }

  /** Whether the first of two dimensions stays the number of pictures. */
  private boolean keepsPictures(long... shape) {
    long batch = graph.image().size(0);
    boolean states = shape[0] == 0 || shape[0] == Constant.BATCH || shape[0] == batch;
    boolean counts = shape[0] == -1 && shape[1] > 0;
    boolean single = shape[0] == 1 && shape[1] > 0;
    return states || counts || single;
  }

  /** A linear layer and what it gives. */
  record Product(Head head, String value) {}

  /** The last linear layer, with a Softmax behind it or without. */
  Head linear(OnnxNode node, String value) {
    Product product = product(node, value);
    String logits = product.value;
    ends.add(logits);
    if (isFollowedBy(logits, "Softmax")) {
      OnnxNode softmax = graph.only(logits);
      long axis = softmax.integer("axis", graph.model().opset() < 13 ? 1 : -1);
      if (axis != 1 && axis != -1) {
        throw graph.refuse(softmax, "is over axis " + axis);
      }
      notes.add("the Softmax at its end is left out: the results are logits here");
      logits = softmax.outputs().get(0);
      ends.add(logits);
    }
    if (!graph.consumers(logits).isEmpty()) {
      throw graph.refuse(graph.only(logits), "follows the linear layer");
    }
    return product.head;
  }

  /** A product with a constant matrix, and the bias that is added to it. */
  Product product(OnnxNode node, String value) {
    Constant weight = graph.constant(node.input(1));
    boolean gemm = node.is("Gemm");
    if (!node.input(0).equals(value)
        || weight == null
        || Constant.isInteger(weight.type())
        || weight.shape().rank() != 2
        || (gemm && (node.integer("transA", 0) != 0 || node.number("alpha", 1) != 1))) {
      throw graph.refuse(node, "has no constant matrix as its second factor");
    }
    boolean isTransposed = gemm && node.integer("transB", 0) != 0;
    Constant matrix = isTransposed ? weight : weight.transposed(1, 0);
    int outputs = matrix.shape().dimension(0);
    Constant bias = null;
    String result = node.outputs().get(0);
    if (gemm && !node.input(2).isEmpty()) {
      bias = bias(node, graph.constant(node.input(2)), outputs);
      if (node.number("beta", 1) != 1) {
        throw graph.refuse(node, "scales its bias");
      }
    } else if (!gemm && isFollowedBy(result, "Add")) {
      OnnxNode add = graph.only(result);
      Constant left = graph.constant(add.input(0));
      bias = bias(add, left == null ? graph.constant(add.input(1)) : left, outputs);
      result = add.outputs().get(0);
    }
    return new Product(new Head(node, matrix, bias), result);
  }

  private boolean isFollowedBy(String value, String op) {
    List<OnnxNode> next = graph.consumers(value);
    return next.size() == 1 && next.get(0).is(op);
  }

  private Constant bias(OnnxNode node, @Nullable Constant bias, int classes) {
    if (bias == null
        || Constant.isInteger(bias.type())
        || bias.shape().elements() != classes
        || bias.shape().rank() < 1
        || bias.shape().rank() > 2
        || bias.shape().dimension(bias.shape().rank() - 1) != classes) {
      throw graph.refuse(node, "adds something else than a constant for each class");
    }
    return bias.reshaped(Shape.of(classes));
  }
}
