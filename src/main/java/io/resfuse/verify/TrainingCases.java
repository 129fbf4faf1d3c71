package io.resfuse.verify;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Optimizer;
import io.resfuse.engine.Optimizer.Adam;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.model.ResNetVariant.BlockKind;
import io.resfuse.model.ResNetVariant.StemKind;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * What training can do beside SGD on a batch, each tried on one small network of two bottleneck
 * blocks: optimizers, frozen parts and accumulated gradients are the same code for all operations.
 */
public final class TrainingCases {
  private static final int BATCH = 3;
  private static final int SIZE = 24;

  private TrainingCases() {}

  /**
   * SGD with Nesterov's momentum and settings of their own for what is no weight; SGD without
   * momentum; Adam with weight decay in the gradient; AdamW with such settings; a frozen stem,
   * first block, and of the second block a weight and the batch norms before a ReLU, before an
   * addition and of the projection; gradients of two batches added up. Each goes on after its
   * updates.
   *
   * @return six cases
   */
  public static List<VerifyCase> all() {
    NetworkSpec network = network();
    Set<String> frozen =
        names(
            network,
            parameter ->
                !parameter.name().matches("(layer2|fc)\\..*")
                    || parameter
                        .name()
                        .matches("layer2\\.0\\.(conv2\\.weight|(bn1|bn3|downsample\\.1)\\..*)"));
    Optimizer.Sgd nesterov = new Optimizer.Sgd(0.9, true, 0.05, groups(network));
    Optimizer.Sgd plain = new Optimizer.Sgd(0, false, 0.1, Map.of());
    return List.of(
        test("nesterov", network, Regime.of(nesterov)),
        test("without momentum", network, Regime.of(plain)),
        test("adam", network, Regime.of(new Adam(0.9, 0.999, 1e-8, false, 1e-2, Map.of()))),
        test("adamw", network, Regime.of(adamW(network))),
        test("frozen", network, new Regime(Optimizer.Sgd.standard(), frozen, 1, false)),
        test("accumulated", network, new Regime(Optimizer.Sgd.standard(), Set.of(), 2, false)));
  }

  private static VerifyCase test(String name, NetworkSpec network, Regime regime) {
    return new VerifyCase(
            name + ": " + network.name(), Level.TRAINING, network, null, BATCH, SIZE, SIZE)
        .with(regime.andOn());
  }

  private static NetworkSpec network() {
    ResNetVariant variant =
        new ResNetVariant(
            "two bottlenecks",
            BlockKind.BOTTLENECK,
            StemKind.IMAGENET,
            List.of(1, 1),
            List.of(16, 32),
            1,
            64,
            true);
    return ResNetConfig.of(variant).withClasses(11).build();
  }

  private static Adam adamW(NetworkSpec network) {
    return new Adam(0.9, 0.99, 1e-6, true, 1e-2, groups(network));
  }

  /** Biases and batch norms learn half as fast, and do not decay. */
  private static Map<String, Optimizer.Group> groups(NetworkSpec network) {
    Map<String, Optimizer.Group> groups = new LinkedHashMap<>();
    names(network, parameter -> parameter.shape().rank() == 1)
        .forEach(name -> groups.put(name, new Optimizer.Group(0.5, 0)));
    return groups;
  }

  private static Set<String> names(NetworkSpec network, Predicate<ParameterSpec> which) {
    return network.parameters().values().stream()
        .filter(ParameterSpec::isTrainable)
        .filter(which)
        .map(ParameterSpec::name)
        .collect(Collectors.toSet());
  }
}
