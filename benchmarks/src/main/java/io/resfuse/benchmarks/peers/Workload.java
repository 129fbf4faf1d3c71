package io.resfuse.benchmarks.peers;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.model.ResNet;
import io.resfuse.model.ResNetConfig;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.util.Random;

/**
 * What every peer of a comparison does: the same network with the same weights on the same images.
 *
 * @param network a variant's name
 * @param training a step of forward, loss, backward and SGD with momentum, rather than inference
 * @param batch images per iteration
 * @param precision of activations and products
 * @param threads of the peer
 */
public record Workload(
    String network, boolean training, int batch, Precision precision, int threads) {
  /** Momentum, weight decay and rate of the SGD that all peers run. */
  public static final double LEARNING_RATE = 1e-3;

  public static final double MOMENTUM = 0.9;
  public static final double WEIGHT_DECAY = 1e-4;

  /**
   * Parses {@code resnet50:infer:8:fp32}.
   *
   * @param text network, infer or train, batch, precision
   * @param threads of the peer
   * @return the workload
   */
  public static Workload parse(String text, int threads) {
    String[] parts = text.split(":", -1);
    if (parts.length != 4 || !(parts[1].equals("infer") || parts[1].equals("train"))) {
      throw new IllegalArgumentException(
          "a workload is NETWORK:infer|train:BATCH:PRECISION, got '" + text + "'");
    }
    return new Workload(
        parts[0],
        parts[1].equals("train"),
        Integer.parseInt(parts[2]),
        Precision.parse(parts[3]),
        threads);
  }

  @Override
  public String toString() {
    return network + ":" + (training ? "train" : "infer") + ":" + batch + ":" + precision;
  }

  public ResNetConfig config() {
    return ResNetConfig.of(network);
  }

  public NetworkSpec spec() {
    return ResNet.build(config());
  }

  public int imageSize() {
    return config().variant().imageSize();
  }

  public int classes() {
    return config().classes();
  }

  public Shape imageShape() {
    return Shape.of(batch, 3, imageSize(), imageSize());
  }

  /**
   * Weights that keep activations in range: Kaiming's, with running statistics of normalised data.
   */
  public Parameters parameters() {
    NetworkSpec spec = spec();
    Parameters parameters = Parameters.zeros(spec);
    Random random = new Random(1);
    spec.parameters()
        .values()
        .forEach(
            p -> {
              HostTensor tensor = parameters.get(p);
              int fan =
                  p.shape().rank() == 1 ? 1 : (int) (p.shape().elements() / p.shape().dimension(0));
              for (int i = 0; i < p.shape().elements(); i++) {
                tensor.set(
                    i,
                    switch (p.role()) {
                      case CONV_WEIGHT -> (float) (random.nextGaussian() * Math.sqrt(2.0 / fan));
                      case LINEAR_WEIGHT -> (float) (random.nextGaussian() * Math.sqrt(1.0 / fan));
                      // Small last scales keep the sums of residual networks in range.
                      case BN_GAMMA -> (float) (0.5 + 0.1 * random.nextDouble());
                      case BN_VARIANCE -> (float) (0.9 + 0.2 * random.nextDouble());
                      case CONV_BIAS, BN_BETA, BN_MEAN, LINEAR_BIAS ->
                          (float) (0.1 * random.nextGaussian());
                    });
              }
            });
    return parameters;
  }

  /** Images in NCHW, uniform in [-1, 1). */
  public float[] images() {
    Random random = new Random(2);
    float[] images = new float[Math.toIntExact(imageShape().elements())];
    for (int i = 0; i < images.length; i++) {
      images[i] = random.nextFloat() * 2 - 1;
    }
    return images;
  }

  public int[] labels() {
    return new Random(3).ints(batch, 0, classes()).toArray();
  }
}
