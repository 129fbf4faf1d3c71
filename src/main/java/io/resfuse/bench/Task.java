package io.resfuse.bench;

import io.resfuse.bench.report.Cost;
import io.resfuse.bench.report.Workload;
import io.resfuse.model.ResNet;
import io.resfuse.model.ResNetConfig;
import io.resfuse.verify.Level;
import io.resfuse.verify.NetworkCases;
import io.resfuse.verify.VerifyCase;
import java.util.Set;

/**
 * A workload and the network that it means.
 *
 * @param workload what is timed
 * @param config how the network is built
 * @param test the network with its only output
 */
public record Task(Workload workload, ResNetConfig config, VerifyCase test) {
  /** The rate of all training steps: so small that a thousand do not lead the weights astray. */
  public static final double LEARNING_RATE = 1e-5;

  /** The least size at which networks for ImageNet leave pixels to every batch norm. */
  private static final int SMALL = 64;

  private static final int FEW = 2;

  /**
   * Builds the network.
   *
   * @param workload what is timed
   * @param config the network's variant and what differs in it
   * @return a task
   * @throws IllegalArgumentException if the images are too small
   */
  public static Task of(Workload workload, ResNetConfig config) {
    return new Task(workload, config, whole(config, workload.batch(), workload.size()));
  }

  private static VerifyCase whole(ResNetConfig config, int batch, int size) {
    return new NetworkCases(ResNet.build(config), batch, size, size)
        .at(Set.of(Level.NETWORK))
        .get(0);
  }

  /** The FLOPs that an image needs at least. */
  double flopPerImage() {
    return test.network().operations().stream()
            .mapToDouble(operation -> Cost.of(test.network(), operation, workload).flop())
            .sum()
        / workload.batch();
  }

  /** The same network on so few and small images that float64 loops take seconds. */
  VerifyCase small() {
    int size = Math.min(workload.size(), SMALL);
    return new VerifyCase(test.name(), test.level(), test.network(), null, FEW, size, size);
  }
}
