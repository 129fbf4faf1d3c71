package io.resfuse.weights.onnx;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.AveragePool;
import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.Value;
import io.resfuse.model.ResNetConfig;
import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.OnnxModel;
import io.resfuse.weights.format.OnnxNode;
import io.resfuse.weights.format.StoredTensor;
import io.resfuse.weights.format.TensorFile;
import io.resfuse.weights.format.WeightFormat;
import io.resfuse.weights.onnx.MatchedNetwork.Block;
import io.resfuse.weights.onnx.MatchedNetwork.Conv;
import io.resfuse.weights.onnx.MatchedNetwork.Gate;
import io.resfuse.weights.onnx.MatchedNetwork.Head;
import io.resfuse.weights.onnx.MatchedNetwork.Norm;
import io.resfuse.weights.onnx.MatchedNetwork.Pool;
import io.resfuse.weights.onnx.MatchedNetwork.Subsampling;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The ResNet that an ONNX file is, with its weights under torchvision's names. Batch norms that
 * were folded into convolutions are back as ones that change nothing: scale 1, the convolution's
 * bias as shift, mean 0, variance 1 - epsilon. Immutable and thread-safe.
 */
public final class OnnxNetwork {
  private final Graph graph;
  private final MatchedNetwork matched;
  private final ResNetConfig config;
  private final NetworkSpec network;
  private final List<String> notes;
  private final Map<String, StoredTensor> tensors = new LinkedHashMap<>();

  /** Where the parts of the network are, by the names of our operations. */
  private final Map<String, Conv> convs = new LinkedHashMap<>();

  private final Map<String, Block> blocks = new LinkedHashMap<>();

  /** Of our operations that are no convolutions. */
  private final Map<String, OnnxNode> nodes = new LinkedHashMap<>();

  private int folded;
  private int movedEpsilons;

  private OnnxNetwork(Graph graph, MatchedNetwork matched, ResNetConfig config) {
    this.graph = graph;
    this.matched = matched;
    this.config = config;
    this.network = ConfigFinder.build(graph, config);
    this.notes = new ArrayList<>(matched.notes());
  }

  /**
   * Matches a graph.
   *
   * @param model what an ONNX file says
   * @param stated the network that it is said to be, or null
   * @return the network
   * @throws io.resfuse.weights.format.WeightsException if the graph is not that of a ResNet, or not
   *     of the one that was stated; names the first node that does not fit
   */
  public static OnnxNetwork match(OnnxModel model, @Nullable ResNetConfig stated) {
    Graph graph = Graph.of(model);
    MatchedNetwork matched = GraphMatcher.match(graph);
    ResNetConfig config = stated == null ? ConfigFinder.find(graph, matched) : stated;
    OnnxNetwork network = new OnnxNetwork(graph, matched, config);
    network.name();
    network.compare();
    return network;
  }

  /**
   * Its configuration: the one that was stated, or what its graph says.
   *
   * @return the network's configuration
   */
  public ResNetConfig config() {
    return config;
  }

  /**
   * What was left out or changed on the way.
   *
   * @return one sentence each
   */
  public List<String> notes() {
    return List.copyOf(notes);
  }

  /**
   * The integers of a quantised network (QDQ), read from the file. What it leaves out or changes is
   * in {@link #notes} then.
   *
   * @return null if no convolution multiplies integers
   * @throws io.resfuse.weights.format.WeightsException if they do not fit our scheme; names the
   *     node
   */
  public @Nullable Quantization quantization() {
    return new QdqQuantization(graph, network, convs, nodes, notes).read();
  }

  /**
   * The weights under torchvision's names.
   *
   * @return a file of weights, with what the ONNX file says besides
   */
  public TensorFile tensors() {
    OnnxModel model = graph.model();
    return new TensorFile(model.path(), WeightFormat.ONNX, model.metadata(), tensors);
  }

  /** Gives the parts the names that our operations have. */
  private void name() {
    List<String> stem =
        matched.stems().size() == 1 ? List.of("conv1") : List.of("conv1.0", "conv1.3", "conv1.6");
    for (int i = 0; i < stem.size(); i++) {
      convs.put(stem.get(i), matched.stems().get(i));
    }
    List<Integer> counts = config.variant().blocks();
    int stage = 0;
    int at = 0;
    for (Block block : matched.blocks()) {
      if (at == counts.get(stage)) {
        stage++;
        at = 0;
      }
      if (stage == counts.size()) {
        throw graph.refuse(
            block.convs().get(0).node(),
            "begins one block more than " + config.variant().name() + " has");
      }
      String name = "layer" + (stage + 1) + "." + at++;
      blocks.put(name, block);
      for (int i = 0; i < block.convs().size(); i++) {
        convs.put(name + ".conv" + (i + 1), block.convs().get(i));
      }
      if (block.projection() != null) {
        int place = config.variant().averagedShortcuts() ? 1 : 0;
        convs.put(name + ".downsample." + place, block.projection());
      }
    }
  }

  /** Compares with our network of the configuration, operation by operation. */
  private void compare() {
    int found = 0;
    for (Operation operation : network.operations()) {
      if (operation instanceof FusedConv conv) {
        compare(conv);
        found++;
      } else if (operation instanceof MaxPool pool) {
        Pool theirs = matched.pool();
        if (theirs == null || !theirs.window().equals(pool.window())) {
          throw graph.refuse(
              theirs == null ? matched.stem().node() : theirs.node(),
              "has "
                  + (theirs == null ? "no max pooling behind it" : theirs.window())
                  + " where "
                  + network.name()
                  + " has "
                  + pool.window());
        }
        nodes.put(pool.name(), theirs.node());
      } else if (operation instanceof SubsampledIdentity shortcut) {
        compare(shortcut);
      } else if (operation instanceof SqueezeExcite gating) {
        compare(gating);
      } else if (operation instanceof AveragePool) {
        Block block = blocks.get(blockOf(blockOf(operation.name())));
        if (block != null && block.average() != null) {
          nodes.put(operation.name(), block.average());
        }
      } else if (operation instanceof Linear linear) {
        add(linear);
      }
    }
    if (found < convs.size() || network.parameters().isEmpty()) {
      throw tooMany();
    }
    if (folded > 0) {
      notes.add(
          folded
              + " batch norms had been folded into their convolutions; they are back with mean 0"
              + " and variance 1 - epsilon, which changes no result");
    }
    if (movedEpsilons > 0) {
      notes.add(
          movedEpsilons
              + " batch norms had another epsilon than "
              + config.epsilon()
              + "; the difference was added to their variances");
    }
  }

  private RuntimeException tooMany() {
    for (Map.Entry<String, Conv> conv : convs.entrySet()) {
      if (!network.parameters().containsKey(conv.getKey() + ".weight")) {
        return graph.refuse(
            conv.getValue().node(), "is no part of " + network.name() + ", which is shorter");
      }
    }
    return graph.refuse(matched.stem().node(), "begins another network than " + network.name());
  }

  private void compare(FusedConv ours) {
    Conv theirs = convs.get(ours.name());
    if (theirs == null) {
      throw graph.refuse(
          matched.blocks().get(matched.blocks().size() - 1).convs().get(0).node(),
          "is in a network without the "
              + ours.name()
              + " that "
              + config.variant().name()
              + " has");
    }
    if (!theirs.window().equals(ours.window()) || theirs.groups() != ours.groups()) {
      throw graph.refuse(
          theirs.node(),
          "has "
              + theirs.window()
              + " and "
              + theirs.groups()
              + " groups where "
              + config.variant().name()
              + " has "
              + ours.window()
              + " and "
              + ours.groups());
    }
    Block block = blocks.get(blockOf(ours.name()));
    boolean isLast = block != null && block.convs().get(block.convs().size() - 1).equals(theirs);
    if (isLast) {
      SqueezeExcite gating = gateOf(ours);
      if ((gating != null) != (block.gate() != null)) {
        throw graph.refuse(
            theirs.node(),
            "ends a block "
                + (gating == null ? "with" : "without")
                + " squeeze and excitation where "
                + config.variant().name()
                + " has "
                + (gating == null ? "none" : "it"));
      }
      compareShortcut(gating == null ? ours.residual() : gating.residual(), block);
    }
    add(ours, theirs);
  }

  /** The squeeze and excitation of a convolution's result, or null. */
  private @Nullable SqueezeExcite gateOf(FusedConv conv) {
    for (Operation operation : network.operations()) {
      if (operation instanceof SqueezeExcite gating && gating.input().equals(conv.output())) {
        return gating;
      }
    }
    return null;
  }

  /** That it is there, the comparison of its convolution has found. */
  private void compare(SqueezeExcite ours) {
    Block block = blocks.get(blockOf(ours.name()));
    Gate theirs = block == null ? null : block.gate();
    if (theirs == null) {
      throw graph.refuse(matched.stem().node(), "begins a network without " + ours.name());
    }
    if (!theirs.reduce().weight().shape().equals(ours.reduceWeight().shape())) {
      throw graph.refuse(
          theirs.reduce().node(),
          "has weights "
              + theirs.reduce().weight().shape()
              + " where "
              + config.variant().name()
              + " has "
              + ours.reduceWeight().shape());
    }
    nodes.put(ours.name(), theirs.node());
    add(ours.reduceWeight(), theirs.reduce().weight());
    add(ours.reduceBias(), bias(theirs.reduce()));
    add(ours.expandWeight(), theirs.expand().weight());
    add(ours.expandBias(), bias(theirs.expand()));
  }

  private static Constant bias(Conv conv) {
    return conv.bias() == null
        ? Constant.filled(DataType.FLOAT32, Shape.of(conv.outChannels()), 0)
        : conv.bias();
  }

  /** {@code layer1.0.conv2} without {@code .conv2}. */
  private static String blockOf(String operation) {
    int end = operation.lastIndexOf('.');
    return end < 0 ? "" : operation.substring(0, end);
  }

  private void compareShortcut(@Nullable Value residual, Block block) {
    String kind = "no shortcut";
    Operation shortcut = null;
    if (residual != null) {
      kind = "its input as the shortcut";
      for (Operation operation : network.operations()) {
        if (operation.output().equals(residual)) {
          shortcut = operation;
        }
      }
    }
    FusedConv projection =
        shortcut instanceof FusedConv conv && conv.name().contains(".downsample.") ? conv : null;
    boolean wantsProjection = projection != null;
    boolean wantsAverage =
        projection != null
            && network.operations().stream()
                .anyMatch(o -> o instanceof AveragePool && o.output().equals(projection.input()));
    boolean wantsSubsampling = shortcut instanceof SubsampledIdentity;
    if (block.residual() != (residual != null)
        || wantsProjection != (block.projection() != null)
        || wantsAverage != (block.average() != null)
        || wantsSubsampling != (block.subsampling() != null)) {
      throw graph.refuse(
          block.convs().get(block.convs().size() - 1).node(),
          "ends a block with another shortcut than "
              + config.variant().name()
              + " has, "
              + (wantsProjection
                  ? wantsAverage ? "a projection of averages" : "a projection"
                  : wantsSubsampling ? "subsampling without parameters" : kind));
    }
  }

  private void compare(SubsampledIdentity ours) {
    Block block = blocks.get(blockOf(ours.name()));
    Subsampling theirs = block == null ? null : block.subsampling();
    if (theirs == null) {
      throw graph.refuse(matched.stem().node(), "begins a network without " + ours.name());
    }
    nodes.put(ours.name(), theirs.node());
    int after = ours.output().channels() - ours.input().channels() - ours.channelsBefore();
    if (theirs.stride() != ours.stride()
        || theirs.before() != ours.channelsBefore()
        || theirs.after() != after) {
      throw graph.refuse(
          theirs.node(),
          "ends a shortcut with stride "
              + theirs.stride()
              + " and "
              + theirs.before()
              + " and "
              + theirs.after()
              + " channels of zeros where "
              + config.variant().name()
              + " has "
              + ours.stride()
              + ", "
              + ours.channelsBefore()
              + " and "
              + after);
    }
  }

  private void add(FusedConv ours, Conv theirs) {
    add(ours.weight().name(), theirs.weight());
    Norm norm = theirs.norm();
    Constant none = Constant.filled(DataType.FLOAT32, Shape.of(theirs.outChannels()), 0);
    boolean ownBias = norm != null && theirs.bias() != null;
    if (ours.bias() != null || ownBias) {
      add(ours.name() + ".bias", ownBias ? theirs.bias() : none);
    }
    BatchNorm names = ours.batchNorm();
    if (names == null) {
      throw new IllegalStateException(ours.name() + " has no batch norm");
    }
    if (norm == null) {
      folded++;
      Constant shift = theirs.bias() == null ? none : theirs.bias();
      float variance = (float) (1 - names.epsilon());
      add(names.gamma(), Constant.filled(DataType.FLOAT32, none.shape(), 1));
      add(names.beta(), shift);
      add(names.mean(), none);
      add(names.variance(), Constant.filled(DataType.FLOAT32, none.shape(), variance));
      return;
    }
    add(names.gamma(), norm.gamma());
    add(names.beta(), norm.beta());
    add(names.mean(), norm.mean());
    add(names.variance(), variance(norm, names.epsilon()));
  }

  /** The running variance for another epsilon, so that their sum stays what it was. */
  private Constant variance(Norm norm, double epsilon) {
    double difference = norm.epsilon() - epsilon;
    if ((float) norm.epsilon() == (float) epsilon) {
      return norm.variance();
    }
    movedEpsilons++;
    Constant theirs = norm.variance();
    return new Constant(
        theirs.type(),
        theirs.shape(),
        () -> {
          HostTensor moved = theirs.floats().get().copy();
          for (int i = 0; i < moved.shape().elements(); i++) {
            moved.set(i, (float) (moved.get(i) + difference));
          }
          return moved;
        },
        null);
  }

  private void add(Linear ours) {
    Head head = matched.head();
    if (head == null) {
      return;
    }
    add(ours.weight().name(), head.weight());
    add(
        ours.bias().name(),
        head.bias() != null
            ? head.bias()
            : Constant.filled(DataType.FLOAT32, Shape.of(head.weight().shape().dimension(0)), 0));
  }

  private void add(ParameterSpec parameter, Constant value) {
    add(parameter.name(), value);
  }

  private void add(String name, Constant value) {
    tensors.put(name, new StoredTensor(name, value.type(), value.shape(), value.floats()));
  }
}
