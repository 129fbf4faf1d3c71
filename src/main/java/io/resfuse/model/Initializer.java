package io.resfuse.model;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Value;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Fresh weights as torchvision makes them: convolutions normal with variance 2 / (out kernel²) (He
 * et al. 2015, arXiv 1502.01852, "fan out"), their biases 0, gamma 1, beta 0, running mean 0 and
 * variance 1, the linear layer's weight and bias uniform in ±1/sqrt(in). As timm makes them,
 * weights of squeeze and excitation are those of convolutions, and their biases uniform in
 * ±1/sqrt(in). The fully connected layers of a VGG for ImageNet have weights that are normal with
 * the deviation 0.01 (Simonyan and Zisserman 2014, section 3.1), and biases 0. Convolutions of
 * heads of segmentation have weights and biases that are uniform in ±1/sqrt(in kernel²), PyTorch's
 * default, which torchvision leaves to them.
 *
 * <p>A parameter's values depend on the seed, its name and its shape only: not on threads, not on
 * the other parameters, not on the JDK. Immutable and thread-safe.
 */
public final class Initializer {
  private static final double VGG_DEVIATION = 0.01;

  private final long seed;
  private final boolean zeroInitLastGamma;

  private Initializer(long seed, boolean zeroInitLastGamma) {
    this.seed = seed;
    this.zeroInitLastGamma = zeroInitLastGamma;
  }

  /**
   * torchvision's defaults.
   *
   * @param seed any number
   * @return an initializer
   */
  public static Initializer seeded(long seed) {
    return new Initializer(seed, false);
  }

  /**
   * With gamma 0 in the last batch norm of every residual block, so that blocks begin as identities
   * (Goyal et al. 2017, arXiv 1706.02677, section 5.1; torchvision's {@code zero_init_residual}).
   *
   * @return a changed copy
   */
  public Initializer withZeroLastGamma() {
    return new Initializer(seed, true);
  }

  /**
   * Values for every parameter.
   *
   * @param network whose parameters
   * @return new tensors on the heap
   */
  public Parameters initialize(NetworkSpec network) {
    return new Parameters(network, initialize(network, name -> true));
  }

  /**
   * Values for some parameters.
   *
   * @param network whose parameters
   * @param wanted says by name which
   * @return new tensors on the heap by name, in the network's order
   */
  public Map<String, HostTensor> initialize(NetworkSpec network, Predicate<String> wanted) {
    Set<Value> gated = new HashSet<>();
    for (Operation operation : network.operations()) {
      if (operation instanceof SqueezeExcite gating && gating.residual() != null) {
        gated.add(gating.input());
      }
    }
    Set<ParameterSpec> lastGammas = new HashSet<>();
    for (Operation operation : network.operations()) {
      if (operation instanceof FusedConv conv
          && conv.batchNorm() != null
          && (conv.residual() != null || gated.contains(conv.output()))) {
        lastGammas.add(conv.batchNorm().gamma());
      }
    }
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    for (ParameterSpec parameter : network.parameters().values()) {
      if (wanted.test(parameter.name())) {
        boolean zero = zeroInitLastGamma && lastGammas.contains(parameter);
        tensors.put(parameter.name(), HostTensor.zeros(parameter.shape()));
        if (!zero) {
          fill(network, parameter, tensors.get(parameter.name()));
        }
      }
    }
    return tensors;
  }

  private void fill(NetworkSpec network, ParameterSpec parameter, HostTensor tensor) {
    Shape shape = parameter.shape();
    Random random = new Random(seed, parameter.name());
    if (Segmentation.isHeadOf(network, parameter)) {
      uniform(tensor, random, inputsOf(network, parameter));
      return;
    }
    if (Vgg.isFullyConnectedOf(network, parameter)) {
      if (shape.rank() > 1) {
        normal(tensor, random, VGG_DEVIATION);
      }
      return;
    }
    switch (parameter.role()) {
      case CONV_WEIGHT, GATE_WEIGHT -> {
        double fanOut = (double) shape.dimension(0) * shape.dimension(2) * shape.dimension(3);
        normal(tensor, random, Math.sqrt(2 / fanOut));
      }
      case LINEAR_WEIGHT -> uniform(tensor, random, shape.dimension(1));
      case LINEAR_BIAS, GATE_BIAS -> uniform(tensor, random, inputsOf(network, parameter));
      case BN_GAMMA, BN_VARIANCE -> {
        for (int i = 0; i < shape.elements(); i++) {
          tensor.set(i, 1);
        }
      }
      case CONV_BIAS, BN_BETA, BN_MEAN -> {
        // Already zero.
      }
    }
  }

  private static int inputsOf(NetworkSpec network, ParameterSpec parameter) {
    for (Operation operation : network.operations()) {
      if (operation instanceof FusedConv conv && conv.parameters().contains(parameter)) {
        Shape weight = conv.weight().shape();
        return Math.toIntExact(weight.elements() / weight.dimension(0));
      }
      if (operation instanceof Operation.Linear linear && linear.bias().equals(parameter)) {
        return linear.weight().shape().dimension(1);
      }
      if (operation instanceof SqueezeExcite gating && gating.parameters().contains(parameter)) {
        return parameter.equals(gating.reduceBias()) ? gating.input().channels() : gating.reduced();
      }
    }
    throw new IllegalArgumentException(parameter.name() + " belongs to no layer");
  }

  private static void normal(HostTensor tensor, Random random, double deviation) {
    for (int i = 0; i < tensor.shape().elements(); i++) {
      tensor.set(i, (float) (deviation * random.nextGaussian()));
    }
  }

  private static void uniform(HostTensor tensor, Random random, int inputs) {
    double bound = 1 / Math.sqrt(inputs);
    for (int i = 0; i < tensor.shape().elements(); i++) {
      tensor.set(i, (float) (bound * (2 * random.nextDouble() - 1)));
    }
  }

  /**
   * SplitMix64 (Steele, Lea and Flood 2014), with Marsaglia's polar method for normal values:
   * spelled out because the JDK does not promise the same numbers for all releases.
   */
  private static final class Random {
    private long state;
    private double spare = Double.NaN;

    Random(long seed, String name) {
      state = seed;
      for (int i = 0; i < name.length(); i++) {
        state = nextLong() ^ name.charAt(i);
      }
    }

    long nextLong() {
      state += 0x9e3779b97f4a7c15L;
      long z = state;
      z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
      z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
      return z ^ (z >>> 31);
    }

    /** Uniform in [0, 1). */
    double nextDouble() {
      return (nextLong() >>> 11) * 0x1p-53;
    }

    double nextGaussian() {
      if (!Double.isNaN(spare)) {
        double value = spare;
        spare = Double.NaN;
        return value;
      }
      double x;
      double y;
      double square;
      do {
        x = 2 * nextDouble() - 1;
        y = 2 * nextDouble() - 1;
        square = x * x + y * y;
      } while (square >= 1 || square == 0);
      double scale = StrictMath.sqrt(-2 * StrictMath.log(square) / square);
      spare = y * scale;
      return x * scale;
    }
  }
}
