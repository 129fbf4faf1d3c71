package io.resfuse.weights.onnx;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Quantization;
import io.resfuse.model.NetworkConfig;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.VggConfig;
import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.OnnxModel;
import io.resfuse.weights.format.OnnxNode;
import io.resfuse.weights.format.StoredTensor;
import io.resfuse.weights.format.TensorFile;
import io.resfuse.weights.format.WeightFormat;
import io.resfuse.weights.onnx.MatchedNetwork.Conv;
import io.resfuse.weights.onnx.MatchedNetwork.Head;
import io.resfuse.weights.onnx.MatchedNetwork.Norm;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The network that an ONNX file is, with its weights under torchvision's names. Batch norms that
 * were folded into convolutions are back as ones that change nothing: scale 1, the convolution's
 * bias as shift, mean 0, variance 1 - epsilon. Immutable and thread-safe.
 */
public abstract sealed class OnnxNetwork permits OnnxResNet, OnnxVgg {
  private final Graph graph;
  private final NetworkConfig config;
  private final NetworkSpec network;
  private final List<String> notes;
  private final Map<String, StoredTensor> tensors = new LinkedHashMap<>();

  /** Where the convolutions are, by the names of our operations. */
  private final Map<String, Conv> convs = new LinkedHashMap<>();

  /** Of our operations that are no convolutions. */
  private final Map<String, OnnxNode> nodes = new LinkedHashMap<>();

  private int folded;
  private int movedEpsilons;

  OnnxNetwork(Graph graph, NetworkConfig config, List<String> notes) {
    this.graph = graph;
    this.config = config;
    this.network = ConfigFinder.build(graph, config);
    this.notes = new ArrayList<>(notes);
  }

  /**
   * Matches a graph.
   *
   * @param model what an ONNX file says
   * @param stated the network that it is said to be, or null
   * @return the network
   * @throws io.resfuse.weights.format.WeightsException if the graph is not that of a network known
   *     here, or not of the one that was stated; names the first node that does not fit
   */
  public static OnnxNetwork match(OnnxModel model, @Nullable NetworkConfig stated) {
    Graph graph = Graph.of(model);
    boolean isVgg = stated == null ? VggMatcher.fits(graph) : stated instanceof VggConfig;
    OnnxNetwork network =
        isVgg
            ? new OnnxVgg(graph, VggMatcher.match(graph), (VggConfig) stated)
            : new OnnxResNet(graph, GraphMatcher.match(graph), (ResNetConfig) stated);
    network.compare();
    network.noteChanges();
    return network;
  }

  /** Gives the parts the names that our operations have, and compares them with ours. */
  abstract void compare();

  Graph graph() {
    return graph;
  }

  NetworkSpec network() {
    return network;
  }

  /** To be filled with the convolutions by the names of our operations. */
  Map<String, Conv> convs() {
    return convs;
  }

  /** To be filled with the other nodes by the names of our operations. */
  Map<String, OnnxNode> nodes() {
    return nodes;
  }

  /**
   * Its configuration: the one that was stated, or what its graph says.
   *
   * @return the network's configuration
   */
  public NetworkConfig config() {
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

  /** Notes what became of batch norms. */
  private void noteChanges() {
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

  /** Refuses a convolution of another window than ours, or in other groups. */
  void requireWindow(FusedConv ours, Conv theirs) {
    if (!theirs.window().equals(ours.window()) || theirs.groups() != ours.groups()) {
      throw graph.refuse(
          theirs.node(),
          "has "
              + theirs.window()
              + " and "
              + theirs.groups()
              + " groups where "
              + network.name()
              + " has "
              + ours.window()
              + " and "
              + ours.groups());
    }
  }

  /** Its bias, or zeros. */
  static Constant bias(Conv conv) {
    return conv.bias() == null
        ? Constant.filled(DataType.FLOAT32, Shape.of(conv.outChannels()), 0)
        : conv.bias();
  }

  void add(FusedConv ours, Conv theirs) {
    add(ours.weight().name(), theirs.weight());
    Norm norm = theirs.norm();
    Constant none = Constant.filled(DataType.FLOAT32, Shape.of(theirs.outChannels()), 0);
    boolean ownBias = norm != null && theirs.bias() != null;
    if (ours.batchNorm() != null && (ours.bias() != null || ownBias)) {
      add(ours.name() + ".bias", ownBias ? theirs.bias() : none);
    }
    BatchNorm names = ours.batchNorm();
    if (names == null) {
      if (ours.bias() == null || norm != null) {
        throw graph.refuse(
            theirs.node(), "does not fit " + ours.name() + ", which has a bias and no batch norm");
      }
      add(ours.bias(), bias(theirs));
      return;
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

  void add(Linear ours, @Nullable Head head) {
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

  void add(ParameterSpec parameter, Constant value) {
    add(parameter.name(), value);
  }

  private void add(String name, Constant value) {
    tensors.put(name, new StoredTensor(name, value.type(), value.shape(), value.floats()));
  }
}
