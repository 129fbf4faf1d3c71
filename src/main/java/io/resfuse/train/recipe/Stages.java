package io.resfuse.train.recipe;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.ParameterSpec;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The parts of a network that recipes name and reports show: of a ResNet {@code stem}, {@code
 * layer1} to {@code layer4} and {@code head}; of a VGG {@code stage1} to {@code stage5}, {@code
 * classifier} (the first two fully connected layers, if it has them) and {@code head}. A
 * segmentation network has the stages of its backbone, and its heads are the {@code head}.
 * Immutable.
 */
public final class Stages {
  /** What comes before the first stage of blocks. */
  public static final String STEM = "stem";

  /** The last linear layer, or all layers of the heads of a segmentation network. */
  public static final String HEAD = "head";

  /** What names of a segmentation network's backbone begin with. */
  private static final String BACKBONE = "backbone.";

  private final NetworkSpec network;
  private final Map<String, String> byParameter = new LinkedHashMap<>();

  private Stages(NetworkSpec network) {
    this.network = network;
    boolean isSegmentation =
        network.operations().stream().anyMatch(o -> o.name().startsWith(BACKBONE));
    int pools = 0;
    for (Operation operation : network.operations()) {
      String stage = isSegmentation ? ofSegmentation(operation) : of(operation, pools);
      operation.parameters().forEach(parameter -> byParameter.put(parameter.name(), stage));
      pools += operation instanceof Operation.MaxPool ? 1 : 0;
    }
  }

  /**
   * The parts of a network.
   *
   * @param network a ResNet, a VGG, or a part of one
   * @return its parts
   */
  public static Stages of(NetworkSpec network) {
    return new Stages(network);
  }

  private static String ofSegmentation(Operation operation) {
    String name = operation.name();
    if (!name.startsWith(BACKBONE)) {
      return HEAD;
    }
    return layer(name.substring(BACKBONE.length()));
  }

  /** The stage of an operation of a ResNet. */
  private static String layer(String name) {
    return name.startsWith("layer") ? name.substring(0, name.indexOf('.')) : STEM;
  }

  private static String of(Operation operation, int poolsBefore) {
    String name = operation.name();
    if (operation instanceof Operation.Linear) {
      return HEAD;
    }
    if (name.startsWith("features.")) {
      return "stage" + (poolsBefore + 1);
    }
    return name.startsWith("classifier.") ? "classifier" : layer(name);
  }

  /**
   * The part that a parameter belongs to.
   *
   * @param parameter its name, {@code layer2.0.bn1.weight}
   * @return {@code layer2}
   * @throws IllegalArgumentException if the network has no such parameter
   */
  public String of(String parameter) {
    String stage = byParameter.get(parameter);
    if (stage == null) {
      throw new IllegalArgumentException(network.name() + " has no parameter " + parameter);
    }
    return stage;
  }

  /**
   * The names of the parts.
   *
   * @return from the first to the head
   */
  public List<String> names() {
    return List.copyOf(new LinkedHashSet<>(byParameter.values()));
  }

  /**
   * The trainable parameters of some parts.
   *
   * @param stages names as {@link #names} gives them
   * @return names of parameters
   * @throws IllegalArgumentException naming the first part that the network does not have
   */
  public Set<String> parametersOf(List<String> stages) {
    List<String> known = names();
    for (String stage : stages) {
      if (!known.contains(stage)) {
        throw new IllegalArgumentException(
            network.name() + " has no stage '" + stage + "'; it has " + String.join(", ", known));
      }
    }
    return network.parameters().values().stream()
        .filter(ParameterSpec::isTrainable)
        .map(ParameterSpec::name)
        .filter(name -> stages.contains(of(name)))
        .collect(Collectors.toUnmodifiableSet());
  }
}
