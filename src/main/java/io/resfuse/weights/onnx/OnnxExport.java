package io.resfuse.weights.onnx;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.AveragePool;
import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.Convert;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.GlobalAveragePool;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.QuantizedNetwork;
import io.resfuse.engine.Value;
import io.resfuse.tensor.HostTensor;
import io.resfuse.weights.format.OnnxGraph;
import io.resfuse.weights.format.OnnxNode;
import io.resfuse.weights.format.OnnxValue;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A network as an ONNX graph of opset 17: in float32, or, if its parameters are quantised, in the
 * form that {@link QdqNodes} describes. The input is {@code input}, (batch, channels, height,
 * width) of which only the channels are fixed; the output is {@code output}, the logits, or the
 * stages' outputs {@code c2}, {@code c3}, ... of a network without a head. Weights have the names
 * of their parameters.
 */
public final class OnnxExport {
  /** Ends of a slice: as far as there is something. */
  private static final long TO_THE_END = Long.MAX_VALUE;

  private final NetworkSpec network;
  private final Parameters parameters;
  private final boolean fold;
  private final boolean roundBeforeAdd;
  private final Map<Integer, String> names = new LinkedHashMap<>();
  private final List<OnnxNode> nodes = new ArrayList<>();
  private final Map<String, HostTensor> weights = new LinkedHashMap<>();
  private final Map<String, long[]> integers = new LinkedHashMap<>();
  private final @Nullable QdqNodes quantized;

  private OnnxExport(
      NetworkSpec network, Parameters parameters, boolean fold, boolean roundBeforeAdd) {
    Quantization quantization = parameters.quantization();
    this.quantized =
        quantization == null
            ? null
            : new QdqNodes(QuantizedNetwork.of(network, quantization), nodes, weights);
    this.network = quantized == null ? network : quantized.network();
    this.parameters = parameters;
    this.fold = fold;
    this.roundBeforeAdd = roundBeforeAdd;
  }

  /**
   * Makes the graph.
   *
   * @param network any
   * @param parameters its weights, shared with the graph where nothing is folded; convolutions with
   *     integer weights have their batch norms in these
   * @param fold whether batch norms become part of their convolutions, in double and rounded once;
   *     else they are kept, and the model can be trained further
   * @return a graph to be written
   */
  public static OnnxGraph graph(NetworkSpec network, Parameters parameters, boolean fold) {
    return graph(network, parameters, fold, false);
  }

  /**
   * Makes the graph, with roundings that our engines do not have, if wanted.
   *
   * @param network any
   * @param parameters as above
   * @param fold as above
   * @param roundBeforeAdd whether what a convolution of integers gives is stored as integers before
   *     a residual is added, as ONNX Runtime needs it to compute both with integers
   * @return a graph to be written
   */
  public static OnnxGraph graph(
      NetworkSpec network, Parameters parameters, boolean fold, boolean roundBeforeAdd) {
    return new OnnxExport(network, parameters, fold, roundBeforeAdd).graph();
  }

  private OnnxGraph graph() {
    Value image = network.input();
    names.put(image.id(), "input");
    List<OnnxValue> outputs = outputs();
    store(image, image.name(), "input");
    for (Operation operation : network.operations()) {
      if (operation instanceof Convert convert) {
        add(convert);
        continue;
      } else if (operation instanceof FusedConv conv) {
        add(conv);
      } else if (operation instanceof MaxPool pool) {
        node(pool.name(), "MaxPool", List.of(in(pool.input())), name(pool), window(pool.window()));
      } else if (operation instanceof AveragePool pool) {
        node(pool.name(), "AveragePool", List.of(in(pool.input())), name(pool), squares(pool));
      } else if (operation instanceof SubsampledIdentity shortcut) {
        add(shortcut);
      } else if (operation instanceof SqueezeExcite gating) {
        add(gating);
      } else if (operation instanceof GlobalAveragePool pool && pool.output().isFlat()) {
        String squares = pool.name() + ".squares";
        node(squares, "GlobalAveragePool", List.of(in(pool.input())), squares, Map.of());
        node(pool.name(), "Flatten", List.of(squares), name(pool), Map.of("axis", 1L));
      } else if (operation instanceof Linear linear) {
        node(
            linear.name(),
            "Gemm",
            List.of(in(linear.input()), share(linear.weight()), share(linear.bias())),
            name(linear),
            Map.of("transB", 1L));
      } else {
        throw new IllegalArgumentException(
            network.name()
                + " cannot be written as ONNX, for "
                + operation.name()
                + " has no operator here; write safetensors");
      }
      Value output = operation.output();
      store(output, output.name(), nodes.get(nodes.size() - 1).outputs().get(0));
    }
    OnnxValue input =
        new OnnxValue("input", List.of("batch", (long) image.channels(), "height", "width"));
    return new OnnxGraph(
        network.name(),
        List.of(input),
        outputs,
        nodes,
        weights,
        integers,
        quantized == null ? Map.of() : quantized.integers());
  }

  /** Rounds a value where it is stored as integers; all that read it get what these stand for. */
  private void store(Value value, String name, String raw) {
    if (isStored(value)) {
      if (value.equals(network.input())) {
        names.remove(value.id());
      }
      quantized.round(
          name, value, raw, names.computeIfAbsent(value.id(), id -> name + ".dequantized"));
    }
  }

  private boolean isStored(Value value) {
    return quantized != null && quantized.stores(value);
  }

  /** Floats are rounded; what integers stand for is there already. */
  private void add(Convert convert) {
    if (isStored(convert.output()) && !isStored(convert.input())) {
      store(convert.output(), convert.input().name(), in(convert.input()));
    } else {
      names.put(convert.output().id(), in(convert.input()));
    }
  }

  /** The logits, or else the stages; names the values so. */
  private List<OnnxValue> outputs() {
    List<OnnxValue> outputs = new ArrayList<>();
    Value logits = network.outputs().get("logits");
    if (logits != null) {
      names.put(logits.id(), "output");
      outputs.add(new OnnxValue("output", List.of("batch", (long) logits.channels())));
      return outputs;
    }
    network
        .outputs()
        .forEach(
            (name, value) -> {
              names.put(value.id(), name);
              outputs.add(new OnnxValue(name, List.of("batch", (long) value.channels(), "", "")));
            });
    return outputs;
  }

  private String name(Operation operation) {
    return name(operation, operation.name());
  }

  /** What an operation's last node gives: the value's name, unless it is rounded after that. */
  private String name(Operation operation, String node) {
    return isStored(operation.output())
        ? node
        : names.computeIfAbsent(operation.output().id(), id -> node);
  }

  private String in(Value value) {
    return names.getOrDefault(value.id(), value.name());
  }

  /** Weights have the name of their parameter, values that of their layer: they never meet. */
  private String share(ParameterSpec parameter) {
    weights.put(parameter.name(), parameters.get(parameter));
    return parameter.name();
  }

  private void node(
      String name, String op, List<String> inputs, String output, Map<String, Object> attributes) {
    nodes.add(OnnxNode.of(name, op, inputs, output, attributes));
  }

  private static Map<String, Object> window(Window window) {
    Map<String, Object> attributes = new LinkedHashMap<>();
    attributes.put("kernel_shape", pair(window.kernel()));
    attributes.put("strides", pair(window.stride()));
    long padding = window.padding();
    attributes.put("pads", new long[] {padding, padding, padding, padding});
    return attributes;
  }

  /** Of a square that is cut at the border, the pixels that it has count. */
  private static Map<String, Object> squares(AveragePool pool) {
    Map<String, Object> attributes = window(new Window(pool.size(), pool.size(), 0, 1));
    attributes.put("ceil_mode", 1L);
    attributes.put("count_include_pad", 0L);
    return attributes;
  }

  private static long[] pair(long size) {
    return new long[] {size, size};
  }

  /** Conv, BatchNormalization, Add, Relu: as many as there are; the last gives the value. */
  private void add(FusedConv conv) {
    BatchNorm norm = conv.batchNorm();
    boolean addsResidual = conv.residual() != null;
    List<Stage> stages = new ArrayList<>();
    stages.add(new Stage(conv.name(), "Conv"));
    boolean isInteger = quantized != null && quantized.multiplies(conv);
    if (norm != null && !fold && !isInteger) {
      stages.add(new Stage(stem(norm.gamma().name()), "BatchNormalization"));
    }
    if (addsResidual) {
      stages.add(new Stage(conv.name() + ".add", "Add"));
    }
    if (conv.relu()) {
      stages.add(new Stage(conv.name() + ".relu", "Relu"));
    }
    String value = in(conv.input());
    for (int i = 0; i < stages.size(); i++) {
      Stage stage = stages.get(i);
      boolean last = i == stages.size() - 1;
      String out = last ? name(conv, stage.name) : stage.name;
      List<String> inputs = new ArrayList<>(List.of(value));
      Map<String, Object> attributes = new LinkedHashMap<>();
      switch (stage.op) {
        case "Conv" -> {
          inputs.addAll(
              isInteger ? quantized.weights(conv) : convWeights(conv, fold ? norm : null));
          attributes = window(conv.window());
          attributes.put("dilations", pair(conv.window().dilation()));
          attributes.put("group", (long) conv.groups());
        }
        case "BatchNormalization" -> {
          inputs.addAll(
              List.of(
                  share(norm.gamma()),
                  share(norm.beta()),
                  share(norm.mean()),
                  share(norm.variance())));
          attributes.put("epsilon", (float) norm.epsilon());
          attributes.put("momentum", (float) (1 - norm.momentum()));
        }
        case "Add" -> inputs.add(in(conv.residual()));
        default -> {
          // Relu has nothing else.
        }
      }
      node(stage.name, stage.op, inputs, out, attributes);
      value = out;
      if (stage.op.equals("Conv") && addsResidual && isInteger && roundBeforeAdd) {
        value = quantized.roundBeforeAdd(conv, out);
      }
    }
  }

  /** The mean, two 1x1 convolutions with a ReLU between, and a sigmoid make what is multiplied. */
  private void add(SqueezeExcite gating) {
    String name = gating.name();
    String input = in(gating.input());
    String mean = name + ".mean";
    String reduced = name + ".fc1";
    String hidden = name + ".act";
    String expanded = name + ".fc2";
    String gate = name + ".gate";
    node(mean, "GlobalAveragePool", List.of(input), mean, Map.of());
    product(reduced, mean, gating.reduceWeight(), gating.reduceBias());
    node(hidden, "Relu", List.of(reduced), hidden, Map.of());
    product(expanded, hidden, gating.expandWeight(), gating.expandBias());
    node(gate, "Sigmoid", List.of(expanded), gate, Map.of());
    List<Stage> stages = new ArrayList<>(List.of(new Stage(name + ".mul", "Mul")));
    if (gating.residual() != null) {
      stages.add(new Stage(name + ".add", "Add"));
    }
    if (gating.relu()) {
      stages.add(new Stage(name + ".relu", "Relu"));
    }
    String value = input;
    for (int i = 0; i < stages.size(); i++) {
      Stage stage = stages.get(i);
      boolean last = i == stages.size() - 1;
      List<String> inputs = new ArrayList<>(List.of(value));
      switch (stage.op) {
        case "Mul" -> inputs.add(gate);
        case "Add" -> inputs.add(in(gating.residual()));
        default -> {
          // Relu has nothing else.
        }
      }
      value = last ? name(gating, stage.name) : stage.name;
      node(stage.name, stage.op, inputs, value, Map.of());
    }
  }

  private void product(String name, String input, ParameterSpec weight, ParameterSpec bias) {
    List<String> inputs = List.of(input, share(weight), share(bias));
    node(name, "Conv", inputs, name, window(new Window(1, 1, 0, 1)));
  }

  private record Stage(String name, String op) {}

  /** {@code layer1.0.bn1.weight} without {@code .weight}. */
  private static String stem(String parameter) {
    return parameter.substring(0, parameter.lastIndexOf('.'));
  }

  private List<String> convWeights(FusedConv conv, @Nullable BatchNorm folded) {
    if (folded == null) {
      return conv.bias() == null
          ? List.of(share(conv.weight()))
          : List.of(share(conv.weight()), share(conv.bias()));
    }
    HostTensor weight = parameters.get(conv.weight()).copy();
    HostTensor bias = HostTensor.zeros(folded.beta().shape());
    int channels = (int) bias.shape().elements();
    int each = (int) (weight.shape().elements() / channels);
    for (int c = 0; c < channels; c++) {
      double deviation = Math.sqrt(parameters.get(folded.variance()).get(c) + folded.epsilon());
      double scale = parameters.get(folded.gamma()).get(c) / deviation;
      double own = conv.bias() == null ? 0 : parameters.get(conv.bias()).get(c);
      double shift = own - parameters.get(folded.mean()).get(c);
      bias.set(c, (float) (parameters.get(folded.beta()).get(c) + shift * scale));
      for (int i = c * each; i < (c + 1) * each; i++) {
        weight.set(i, (float) (weight.get(i) * scale));
      }
    }
    String biasName = conv.name() + ".bias";
    weights.put(conv.weight().name(), weight);
    weights.put(biasName, bias);
    return List.of(conv.weight().name(), biasName);
  }

  /** Every stride-th pixel, then channels of zeros before and after. */
  private void add(SubsampledIdentity shortcut) {
    String value = in(shortcut.input());
    if (shortcut.stride() > 1) {
      String pixels = shortcut.name() + ".pixels";
      node(
          pixels,
          "Slice",
          List.of(
              value,
              vector("subsample.starts", 0, 0),
              vector("subsample.ends", TO_THE_END, TO_THE_END),
              vector("subsample.axes", 2, 3),
              vector("subsample.steps" + shortcut.stride(), shortcut.stride(), shortcut.stride())),
          pixels,
          Map.of());
      value = pixels;
    }
    int before = shortcut.channelsBefore();
    int after = shortcut.output().channels() - shortcut.input().channels() - before;
    String pads = vector(shortcut.name() + ".pads", 0, before, 0, 0, 0, after, 0, 0);
    node(shortcut.name(), "Pad", List.of(value, pads), name(shortcut), Map.of());
  }

  private String vector(String name, long... values) {
    integers.put(name, values);
    return name;
  }
}
