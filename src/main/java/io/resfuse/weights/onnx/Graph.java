package io.resfuse.weights.onnx;

import io.resfuse.weights.format.OnnxModel;
import io.resfuse.weights.format.OnnxNode;
import io.resfuse.weights.format.OnnxValue;
import io.resfuse.weights.format.WeightsException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The nodes of an ONNX graph that its outputs depend on and that depend on the picture; the others
 * are folded into constants. What does nothing in inference (Identity, Dropout, casts between
 * floats) is taken out, and so is what rounds values ({@link QdqPairs}).
 */
final class Graph {
  private static final String REMEDY =
      "only the graphs of ResNets and VGGs are read: give the weights in"
          + " another format, or export the network without what is around it";

  private final OnnxModel model;
  private final OnnxValue image;
  private final Map<String, Constant> constants = new HashMap<>();
  private final Map<String, String> aliases = new HashMap<>();
  private final Map<String, List<OnnxNode>> consumers = new HashMap<>();
  private final Map<String, OnnxNode> producers = new HashMap<>();
  private final Set<String> outputs = new HashSet<>();
  private final QdqPairs pairs = new QdqPairs(this);
  private boolean hasAdd;

  private Graph(OnnxModel model) {
    this.model = model;
    model.initializers().forEach((name, tensor) -> constants.put(name, Constant.of(tensor)));
    List<OnnxValue> given =
        model.inputs().stream().filter(v -> !constants.containsKey(v.name())).toList();
    if (given.size() != 1) {
      throw WeightsException.of(
          model.path(),
          "its graph takes "
              + given.size()
              + " inputs besides its weights "
              + given.stream().map(OnnxValue::name).limit(5).toList(),
          "one is wanted, the picture");
    }
    image = given.get(0);
  }

  static Graph of(OnnxModel model) {
    Graph graph = new Graph(model);
    graph.connect(graph.sort());
    return graph;
  }

  /** Folds, takes out, and gives what is left, its inputs without aliases. */
  private List<OnnxNode> sort() {
    ConstantFolding folding = new ConstantFolding(model.path());
    Set<String> defined = new HashSet<>(constants.keySet());
    defined.add(image.name());
    List<OnnxNode> left = new ArrayList<>();
    for (OnnxNode node : model.nodes()) {
      for (String input : node.inputs()) {
        if (!input.isEmpty() && !defined.contains(input)) {
          throw WeightsException.corrupt(
              model.path(), node + " takes '" + input + "', which nothing before it gives");
        }
      }
      for (String output : node.outputs()) {
        if (!output.isEmpty() && !defined.add(output)) {
          throw WeightsException.corrupt(
              model.path(), node + " gives '" + output + "', which is there already");
        }
      }
      if (!node.outputs().isEmpty() && !quantization(node, left) && !simplify(node, folding)) {
        List<String> inputs = node.inputs().stream().map(this::resolve).toList();
        pairs.follow(node, inputs);
        left.add(
            new OnnxNode(
                node.name(), node.op(), node.domain(), inputs, node.outputs(), node.attributes()));
      }
    }
    return left;
  }

  /** Takes out what rounds values to integers and gives these back. */
  private boolean quantization(OnnxNode node, List<OnnxNode> left) {
    if (!node.is("QuantizeLinear", "DequantizeLinear") || node.inputs().isEmpty()) {
      return false;
    }
    List<String> inputs = node.inputs().stream().map(this::resolve).toList();
    Constant values = constants.get(inputs.get(0));
    String output = node.outputs().get(0);
    if (node.is("DequantizeLinear")) {
      if (values != null) {
        constants.put(output, pairs.dequantize(node, values, inputs));
        return true;
      }
      String value = pairs.dequantize(node, inputs);
      if (value != null) {
        aliases.put(output, value);
      }
      return value != null;
    }
    if (values == null) {
      OnnxNode relu = pairs.quantize(node, inputs);
      if (relu != null) {
        left.add(relu);
      }
    }
    return values == null;
  }

  private boolean simplify(OnnxNode node, ConstantFolding folding) {
    String output = node.outputs().get(0);
    List<String> inputs = node.inputs().stream().map(this::resolve).toList();
    if (inputs.stream().allMatch(constants::containsKey)) {
      Constant folded = folding.fold(node, inputs.stream().map(constants::get).toList());
      if (folded != null) {
        constants.put(output, folded);
      }
      return folded != null;
    }
    if (node.is("Shape")) {
      constants.put(output, ConstantFolding.shapeOfPictures(node, image.size(0)));
      return true;
    }
    boolean isNothing =
        node.is("Identity")
            || (node.is("Dropout") && !isTraining(node))
            || (node.is("Cast") && ConstantFolding.isFloatCast(node));
    if (isNothing) {
      aliases.put(output, inputs.get(0));
      pairs.alias(node);
    }
    return isNothing;
  }

  private boolean isTraining(OnnxNode node) {
    Constant mode = constants.get(resolve(node.input(2)));
    return !node.input(2).isEmpty()
        && (mode == null
            || mode.integers() == null
            || mode.integers().length != 1
            || mode.integers()[0] != 0);
  }

  private String resolve(String value) {
    return aliases.getOrDefault(value, value);
  }

  /** Keeps what the outputs depend on. */
  private void connect(List<OnnxNode> nodes) {
    Map<String, OnnxNode> all = new HashMap<>();
    for (OnnxNode node : nodes) {
      node.outputs().forEach(output -> all.put(output, node));
    }
    Deque<String> open = new ArrayDeque<>();
    for (OnnxValue output : model.outputs()) {
      outputs.add(resolve(output.name()));
      open.add(resolve(output.name()));
    }
    Set<String> wanted = new HashSet<>();
    while (!open.isEmpty()) {
      OnnxNode node = all.get(open.remove());
      if (node != null && wanted.add(node.outputs().get(0))) {
        open.addAll(node.inputs());
      }
    }
    for (OnnxNode node : nodes) {
      if (wanted.contains(node.outputs().get(0))) {
        node.outputs().forEach(output -> producers.put(output, node));
        for (String input : node.inputs().stream().distinct().toList()) {
          if (!input.isEmpty() && !constants.containsKey(input)) {
            consumers.computeIfAbsent(input, name -> new ArrayList<>()).add(node);
          }
        }
        hasAdd |= isAdd(node);
      }
    }
  }

  OnnxModel model() {
    return model;
  }

  /** What was taken out that rounds values. */
  QdqPairs pairs() {
    return pairs;
  }

  /** The picture. */
  OnnxValue image() {
    return image;
  }

  /** The nodes that take a value, in the file's order. */
  List<OnnxNode> consumers(String value) {
    List<OnnxNode> nodes = consumers.getOrDefault(value, List.of());
    for (OnnxNode node : nodes) {
      if (!node.is("Add", "Sum", "Mul") && !node.input(0).equals(value)) {
        throw refuse(node, "depends on the picture by other inputs than its first");
      }
    }
    return nodes;
  }

  /** A constant, or null. */
  @Nullable Constant constant(String value) {
    return constants.get(value);
  }

  /** The inputs of a node after the first as constants, null where they are not. */
  List<@Nullable Constant> parameters(OnnxNode node) {
    return ConstantFolding.constants(
        node.inputs().subList(Math.min(1, node.inputs().size()), node.inputs().size()), constants);
  }

  /** The names of the values that the graph gives. */
  Set<String> outputs() {
    return outputs;
  }

  /** Whether two values that depend on the picture are added anywhere. */
  boolean hasAdd() {
    return hasAdd;
  }

  /** Whether a node adds two values that depend on the picture. */
  boolean isAdd(OnnxNode node) {
    return node.is("Add", "Sum")
        && node.inputs().size() == 2
        && node.inputs().stream().noneMatch(constants::containsKey);
  }

  /** The only node that takes a value. */
  OnnxNode only(String value) {
    List<OnnxNode> all = consumers(value);
    if (all.isEmpty()) {
      throw noFollower(value);
    }
    if (all.size() > 1) {
      throw refuse(all.get(1), "takes what " + all.get(0) + " takes, too, which here only one may");
    }
    return all.get(0);
  }

  private WeightsException noFollower(String value) {
    OnnxNode producer = producers.get(value);
    if (producer != null) {
      return refuse(producer, "is the last node, but a network is not complete there");
    }
    return WeightsException.of(
        model.path(),
        "its outputs "
            + model.outputs().stream().map(OnnxValue::name).limit(5).collect(Collectors.toList())
            + " do not depend on its input '"
            + value
            + "'",
        REMEDY);
  }

  /** A node does not fit, and why. */
  WeightsException refuse(OnnxNode node, String why) {
    return WeightsException.of(
        model.path(), "its graph is none of a network known here: " + node + " " + why, REMEDY);
  }
}
