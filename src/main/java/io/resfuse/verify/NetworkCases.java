package io.resfuse.verify;

import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.NetworkBuilder.Conv;
import io.resfuse.engine.NetworkBuilder.Norm;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Value;
import io.resfuse.model.NetworkConfig;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Cases of a network: its distinct operations, its distinct blocks, and itself. */
public final class NetworkCases {
  private static final String STEM = "stem";
  private static final String BACKBONE = "backbone.";

  private final NetworkSpec network;
  private final List<Shape> shapes;
  private final Map<Value, Operation> producers = new HashMap<>();
  private final int batch;
  private final int height;
  private final int width;

  /**
   * Derives the shapes of all layers.
   *
   * @param network whose outputs are {@code logits}, or stages of a backbone
   * @param batch images
   * @param height rows
   * @param width columns
   * @throws IllegalArgumentException if the images are too small
   */
  public NetworkCases(NetworkSpec network, int batch, int height, int width) {
    this.network = network;
    this.batch = batch;
    this.height = height;
    this.width = width;
    this.shapes = network.shapes(batch, height, width);
    network.operations().forEach(operation -> producers.put(operation.output(), operation));
  }

  /**
   * The cases of a network at some levels, with those of training in general.
   *
   * @param levels which
   * @param config of the network
   * @param batch images
   * @param size rows and columns
   * @return smallest first
   * @throws IllegalArgumentException if the images are too small
   */
  public static List<VerifyCase> at(Set<Level> levels, NetworkConfig config, int batch, int size) {
    List<VerifyCase> cases =
        new ArrayList<>(new NetworkCases(config.build(), batch, size, size).at(levels));
    if (levels.contains(Level.TRAINING)) {
      cases.addAll(TrainingCases.all());
    }
    return cases;
  }

  /**
   * The cases of some levels.
   *
   * @param levels which
   * @return smallest first
   */
  public List<VerifyCase> at(Set<Level> levels) {
    List<VerifyCase> cases = new ArrayList<>();
    if (levels.contains(Level.OPERATION)) {
      cases.addAll(operations());
    }
    if (levels.contains(Level.BLOCK)) {
      cases.addAll(blocks());
    }
    if (levels.contains(Level.NETWORK)) {
      cases.add(whole());
    }
    return cases;
  }

  /**
   * A kind of layer.
   *
   * @param test a case that runs nothing else; its last operation is the layer
   * @param operation the network's first operation of this kind
   * @param count how many there are
   */
  public record Layer(VerifyCase test, Operation operation, int count) {}

  /**
   * The distinct operations of the network, without the loss.
   *
   * @return in the order of the first of each kind
   */
  public List<Layer> layers() {
    Map<OperationShape, List<Operation>> kinds = new LinkedHashMap<>();
    for (Operation operation : network.operations()) {
      kinds
          .computeIfAbsent(shapeOf(operation, network.operations()), s -> new ArrayList<>())
          .add(operation);
    }
    List<Layer> layers = new ArrayList<>();
    kinds.forEach(
        (shape, operations) -> {
          Operation first = operations.get(0);
          layers.add(new Layer(shape.toCase(first.name() + ":"), first, operations.size()));
        });
    return layers;
  }

  private Shape inputOf(Operation operation) {
    return shapes.get(operation.inputs().get(0).id());
  }

  /** The shape of one of some operations; what comes from none of them is an image. */
  private OperationShape shapeOf(Operation operation, List<Operation> some) {
    Operation producer = producers.get(operation.inputs().get(0));
    boolean isImage = producer == null || !some.contains(producer);
    return OperationShape.of(
        operation,
        inputOf(operation),
        shapes.get(operation.output().id()),
        isImage ? null : producer);
  }

  private List<VerifyCase> operations() {
    List<VerifyCase> cases = new ArrayList<>();
    layers().forEach(layer -> cases.add(layer.test()));
    Value logits = network.outputs().get(VerifyCase.LOGITS);
    if (logits != null) {
      OperationShape loss =
          logits.isFlat()
              ? OperationShape.loss(batch, logits.channels())
              : OperationShape.pixelLoss(batch, logits.channels(), height, width);
      cases.add(loss.toCase("loss:"));
    }
    return cases;
  }

  private List<VerifyCase> blocks() {
    Map<String, List<Operation>> groups = new LinkedHashMap<>();
    String block = STEM;
    int pools = 0;
    for (Operation operation : network.operations()) {
      block = blockOf(operation, block, pools);
      pools += operation instanceof Operation.MaxPool ? 1 : 0;
      groups.computeIfAbsent(block, name -> new ArrayList<>()).add(operation);
    }
    Set<List<OperationShape>> seen = new HashSet<>();
    List<VerifyCase> cases = new ArrayList<>();
    groups.forEach(
        (name, operations) -> {
          List<OperationShape> shape =
              operations.stream().map(o -> shapeOf(o, operations)).toList();
          if (isByItself(operations) && seen.add(shape)) {
            cases.add(block(name, operations));
          }
        });
    return cases;
  }

  /** Whether all that operations read, and all whose size they take, is one value or theirs. */
  private static boolean isByItself(List<Operation> operations) {
    Set<Value> values = new HashSet<>();
    values.add(operations.get(0).inputs().get(0));
    for (Operation operation : operations) {
      boolean isAround =
          operation instanceof Operation.BilinearResize resize && !values.contains(resize.like());
      if (isAround || !values.containsAll(operation.inputs())) {
        return false;
      }
      values.add(operation.output());
    }
    return true;
  }

  /**
   * A block of a ResNet, a stage of a VGG, which a pooling ends, or a head on a backbone, which
   * gives pixels classes.
   */
  private String blockOf(Operation operation, String before, int pools) {
    boolean isHeads = network.operations().get(0).name().startsWith(BACKBONE);
    boolean isBackbone = operation.name().startsWith(BACKBONE);
    String name = isBackbone ? operation.name().substring(BACKBONE.length()) : operation.name();
    String[] parts = name.split("\\.", -1);
    if (isHeads && !isBackbone) {
      return parts[0];
    }
    if (parts[0].equals("features")) {
      return "stage" + (pools + 1);
    }
    if (parts.length > 2) {
      return parts[0] + "." + parts[1];
    }
    return before.equals(STEM) ? STEM : "head";
  }

  private VerifyCase block(String name, List<Operation> operations) {
    Shape in = inputOf(operations.get(0));
    return new VerifyCase(
        "block " + name,
        Level.BLOCK,
        part(name, operations),
        null,
        batch,
        in.dimension(2),
        in.dimension(3));
  }

  /** Some operations as a network whose images are what the first of them reads. */
  private NetworkSpec part(String name, List<Operation> operations) {
    Map<Value, Value> values = new HashMap<>();
    Value input = operations.get(0).inputs().get(0);
    NetworkBuilder builder = new NetworkBuilder(name, input.channels());
    values.put(input, builder.input());
    Value last = input;
    for (Operation operation : operations) {
      values.put(operation.output(), copy(builder, operation, values));
      last = operation.output();
    }
    boolean isLogits = last.equals(network.outputs().get(VerifyCase.LOGITS));
    builder.output(isLogits ? VerifyCase.LOGITS : VerifyCase.OUT, mapped(values, last));
    return builder.build();
  }

  private static Value mapped(Map<Value, Value> values, Value value) {
    Value copy = values.get(value);
    if (copy == null) {
      throw new IllegalArgumentException("a block reads " + value.name() + " from outside itself");
    }
    return copy;
  }

  private static Value copy(NetworkBuilder builder, Operation operation, Map<Value, Value> values) {
    Value in = mapped(values, operation.inputs().get(0));
    String name = operation.name();
    if (operation instanceof FusedConv conv) {
      Conv description =
          new Conv(
              name,
              conv.output().channels(),
              conv.window(),
              conv.groups(),
              conv.bias() != null,
              norm(conv.batchNorm()));
      Value residual = conv.residual() == null ? null : mapped(values, conv.residual());
      return builder.fusedConv(in, description, residual, conv.relu());
    }
    if (operation instanceof Operation.MaxPool pool) {
      return builder.maxPool(name, in, pool.window());
    }
    if (operation instanceof Operation.SqueezeExcite gating) {
      Value residual = gating.residual() == null ? null : mapped(values, gating.residual());
      return builder.squeezeExcite(name, in, gating.reduced(), residual, gating.relu());
    }
    if (operation instanceof Operation.AveragePool pool) {
      return builder.averagePool(name, in, pool.size());
    }
    if (operation instanceof Operation.SubsampledIdentity identity) {
      return builder.subsampledIdentity(name, in, identity.stride(), identity.output().channels());
    }
    if (operation instanceof Operation.Linear linear) {
      return builder.linear(name, in, linear.output().channels());
    }
    if (operation instanceof Operation.BilinearResize resize) {
      return builder.bilinearResize(name, in, mapped(values, resize.like()));
    }
    if (operation instanceof Operation.Concat concat) {
      return builder.concat(
          name, concat.inputs().stream().map(input -> mapped(values, input)).toList());
    }
    return operation.output().isFlat()
        ? builder.globalAveragePool(name, in)
        : builder.averagePixel(name, in);
  }

  private static @Nullable Norm norm(@Nullable BatchNorm norm) {
    if (norm == null) {
      return null;
    }
    String gamma = norm.gamma().name();
    return new Norm(gamma.substring(0, gamma.lastIndexOf('.')), norm.epsilon(), norm.momentum());
  }

  /** The network judged by its logits, or a backbone by its last stage. */
  private VerifyCase whole() {
    boolean classifies = network.outputs().containsKey(VerifyCase.LOGITS);
    NetworkSpec judged = classifies ? network.restrictedTo(Set.of(VerifyCase.LOGITS)) : network;
    return new VerifyCase(
        "network " + network.name(),
        Level.NETWORK,
        part(network.name(), judged.operations()),
        null,
        batch,
        height,
        width);
  }
}
