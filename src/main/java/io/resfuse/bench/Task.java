package io.resfuse.bench;

import io.resfuse.bench.report.Cost;
import io.resfuse.bench.report.Workload;
import io.resfuse.engine.Engine;
import io.resfuse.engine.Precision;
import io.resfuse.model.NetworkConfig;
import io.resfuse.verify.Level;
import io.resfuse.verify.NetworkCases;
import io.resfuse.verify.VerifyCase;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A workload and the network that it means.
 *
 * @param workload what is timed
 * @param config how the network is built
 * @param test the network with its only output
 */
public record Task(Workload workload, NetworkConfig config, VerifyCase test) {
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
  public static Task of(Workload workload, NetworkConfig config) {
    return new Task(workload, config, whole(config, workload.batch(), workload.size()));
  }

  /**
   * Every mode, precision and batch of a network.
   *
   * @param network its name
   * @param config its variant and what differs in it
   * @param size rows and columns of the images; null for the network's
   * @param modes which
   * @param precisions which
   * @param batches images per iteration
   * @return by mode, then precision, then batch
   * @throws IllegalArgumentException if the network has no head, a batch no image, or the images
   *     are too small
   */
  public static List<Task> all(
      String network,
      NetworkConfig config,
      @Nullable Integer size,
      List<Engine.Mode> modes,
      List<Precision> precisions,
      List<Integer> batches) {
    if (config.classes() == 0) {
      throw new IllegalArgumentException(
          "resfuse bench times networks with a head; leave out --classes 0");
    }
    int pixels = size == null ? config.imageSize() : size;
    List<Task> tasks = new ArrayList<>();
    for (Engine.Mode mode : modes) {
      for (Precision precision : precisions) {
        for (int batch : batches) {
          if (batch < 1) {
            throw new IllegalArgumentException("a batch has at least one image, got " + batch);
          }
          tasks.add(of(new Workload(network, mode, batch, pixels, precision), config));
        }
      }
    }
    return tasks;
  }

  private static VerifyCase whole(NetworkConfig config, int batch, int size) {
    return new NetworkCases(config.build(), batch, size, size).at(Set.of(Level.NETWORK)).get(0);
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
