package io.resfuse.cli;

import io.resfuse.model.NetworkConfig;
import io.resfuse.model.ResNetConfig;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Option;

/** What may differ in a network, for commands that build one by name. */
final class NetworkOptions {
  @ArgGroup(
      validate = false,
      heading = "%nArchitecture, where it is not what the network's name says:%n")
  private Architecture architecture = new Architecture();

  /** In the help they stand apart from what a command does. */
  static final class Architecture {
    @Option(
        names = "--classes",
        paramLabel = "N",
        description = "How many outputs the head has; 0 for a backbone without a head.")
    private Integer classes;

    @Option(
        names = "--channels",
        paramLabel = "N",
        description = "How many channels the images have (default: 3).")
    private Integer channels;

    @Option(
        names = "--shortcut",
        paramLabel = "KIND",
        description =
            "What shortcuts do where shapes differ: identity (option A) or projection (option B).")
    private ResNetConfig.Shortcut shortcut;

    @Option(
        names = "--dilate",
        arity = "1",
        split = ",",
        paramLabel = "FLAG",
        description =
            "For each stage from the second on, whether dilation takes the place of the stride:"
                + " false,true,true.")
    private Boolean[] dilate;

    @Option(
        names = "--v1",
        description =
            "Bottlenecks are the original ones: the stride is in the first 1x1 convolution rather"
                + " than in the 3x3.")
    private boolean strideInFirst1x1;

    @Option(names = "--conv-bias", description = "Convolutions have biases, as those of Keras.")
    private boolean convBias;

    @Option(
        names = "--epsilon",
        paramLabel = "NUMBER",
        description = "The epsilon of the batch norms (default: 1e-5).")
    private Double epsilon;
  }

  /** The network of a name with these options; null without one. */
  @Nullable NetworkConfig configure(@Nullable String network) {
    return network == null ? null : apply(NetworkConfig.of(network));
  }

  /** Whether a network has all that these options would change. */
  boolean fit(NetworkConfig config) {
    return config instanceof ResNetConfig || ofResNets().isEmpty();
  }

  /** Those that were given, by their names. */
  List<String> given() {
    List<String> given = new ArrayList<>();
    if (architecture.classes != null) {
      given.add("--classes");
    }
    if (architecture.channels != null) {
      given.add("--channels");
    }
    if (architecture.epsilon != null) {
      given.add("--epsilon");
    }
    given.addAll(ofResNets());
    return given;
  }

  /** Those that were given and that only ResNets have. */
  private List<String> ofResNets() {
    List<String> given = new ArrayList<>();
    if (architecture.strideInFirst1x1) {
      given.add("--v1");
    }
    if (architecture.convBias) {
      given.add("--conv-bias");
    }
    if (architecture.shortcut != null) {
      given.add("--shortcut");
    }
    if (architecture.dilate != null) {
      given.add("--dilate");
    }
    return given;
  }

  NetworkConfig apply(NetworkConfig defaults) {
    NetworkConfig config = defaults;
    if (architecture.classes != null) {
      config = config.withClasses(architecture.classes);
    }
    if (architecture.channels != null) {
      config = config.withInputChannels(architecture.channels);
    }
    if (architecture.epsilon != null) {
      config = config.withEpsilon(architecture.epsilon);
    }
    if (config instanceof ResNetConfig resNet) {
      return apply(resNet);
    }
    if (!fit(config)) {
      throw new IllegalArgumentException(
          String.join(", ", ofResNets())
              + ": only ResNets have that, and "
              + config.name()
              + " is none; leave it out");
    }
    return config;
  }

  private ResNetConfig apply(ResNetConfig defaults) {
    ResNetConfig config = defaults;
    if (architecture.strideInFirst1x1) {
      config = config.withStrideInFirst1x1(true);
    }
    if (architecture.convBias) {
      config = config.withConvBias(true);
    }
    if (architecture.shortcut != null) {
      config = config.withShortcut(architecture.shortcut);
    }
    if (architecture.dilate != null) {
      config = config.replaceStrideWithDilation(architecture.dilate);
    }
    return config;
  }
}
