package io.resfuse.train.recipe;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.ParameterSpec;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The parts of a network that recipes name and reports show: {@code stem}, {@code layer1} to {@code
 * layer4} and {@code head}. Stateless.
 */
public final class Stages {
  /** What comes before the first stage of blocks. */
  public static final String STEM = "stem";

  /** The linear layer. */
  public static final String HEAD = "head";

  private Stages() {}

  /**
   * The part that a parameter belongs to.
   *
   * @param parameter its name, {@code layer2.0.bn1.weight}
   * @return {@code layer2}
   */
  public static String of(String parameter) {
    if (parameter.startsWith("layer")) {
      return parameter.substring(0, parameter.indexOf('.'));
    }
    return parameter.startsWith("fc.") ? HEAD : STEM;
  }

  /**
   * The parts of a network.
   *
   * @param network a ResNet
   * @return from the stem to the head
   */
  public static List<String> of(NetworkSpec network) {
    Set<String> stages = new LinkedHashSet<>();
    network.parameters().keySet().forEach(name -> stages.add(of(name)));
    return List.copyOf(stages);
  }

  /**
   * The trainable parameters of some parts.
   *
   * @param network a ResNet
   * @param stages names as {@link #of(NetworkSpec)} gives them
   * @return names of parameters
   * @throws IllegalArgumentException naming the first part that the network does not have
   */
  public static Set<String> parametersOf(NetworkSpec network, List<String> stages) {
    List<String> known = of(network);
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
