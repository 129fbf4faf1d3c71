package io.resfuse.data;

/**
 * Random numbers that depend only on what they are for: a seed, an epoch and a sample. So the same
 * picture is augmented in the same way whichever thread does it, and in whichever order.
 *
 * <p>SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014), written
 * out so that no release of the JDK changes the numbers. Not thread-safe.
 */
public final class SampleRandom {
  private static final long GAMMA = 0x9e3779b97f4a7c15L;

  private long state;

  /**
   * A sequence for a sample.
   *
   * @param seed of the whole training
   * @param epoch from 0
   * @param sample an index
   */
  public SampleRandom(long seed, long epoch, long sample) {
    reset(seed, epoch, sample);
  }

  /**
   * Begins the sequence of another sample.
   *
   * @param seed of the training
   * @param epoch from 0
   * @param sample its index
   */
  public void reset(long seed, long epoch, long sample) {
    state = mix(mix(mix(seed + GAMMA) + epoch + GAMMA) + sample + GAMMA);
  }

  private static long mix(long value) {
    long z = (value ^ (value >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  /**
   * The next 64 bits.
   *
   * @return any long
   */
  public long nextLong() {
    state += GAMMA;
    return mix(state);
  }

  /**
   * An integer below a bound, each as likely as the other to within 2^-32.
   *
   * @param bound at least 1
   * @return 0 to bound - 1
   */
  public int nextInt(int bound) {
    if (bound < 1) {
      throw new IllegalArgumentException("bound must be at least 1, got " + bound);
    }
    return (int) (((nextLong() >>> 32) * bound) >>> 32);
  }

  /**
   * A number in [0, 1), a multiple of 2^-53.
   *
   * @return uniform
   */
  public double nextDouble() {
    return (nextLong() >>> 11) * 0x1p-53;
  }

  /**
   * A number in [low, high).
   *
   * @param low included
   * @param high excluded, unless it is low
   * @return uniform
   */
  public double nextDouble(double low, double high) {
    return low + (high - low) * nextDouble();
  }

  /**
   * Whether an event of a probability happens.
   *
   * @param probability 0 never, 1 always
   * @return true with that probability
   */
  public boolean happens(double probability) {
    return nextDouble() < probability;
  }

  /**
   * A normally distributed number of mean 0 and variance 1, by Marsaglia's polar method.
   *
   * @return any double
   */
  public double nextGaussian() {
    while (true) {
      double x = nextDouble(-1, 1);
      double y = nextDouble(-1, 1);
      double square = x * x + y * y;
      if (square > 0 && square < 1) {
        return x * StrictMath.sqrt(-2 * StrictMath.log(square) / square);
      }
    }
  }

  /**
   * A number of the Beta(alpha, alpha) distribution, as mixup draws its weight.
   *
   * @param alpha above 0
   * @return 0 to 1
   */
  public double nextBeta(double alpha) {
    double first = nextGamma(alpha);
    double second = nextGamma(alpha);
    return first + second == 0 ? 0.5 : first / (first + second);
  }

  /** Marsaglia and Tsang: A simple method for generating gamma variables, 2000. */
  private double nextGamma(double shape) {
    if (shape < 1) {
      double boost = StrictMath.pow(1 - nextDouble(), 1 / shape);
      return boost * nextGamma(shape + 1);
    }
    double d = shape - 1.0 / 3;
    double c = 1 / StrictMath.sqrt(9 * d);
    while (true) {
      double x = nextGaussian();
      double v = 1 + c * x;
      if (v > 0) {
        v = v * v * v;
        double u = 1 - nextDouble();
        if (StrictMath.log(u) < 0.5 * x * x + d - d * v + d * StrictMath.log(v)) {
          return d * v;
        }
      }
    }
  }

  /**
   * The numbers 0 to size - 1 in random order (Fisher, Yates).
   *
   * @param size at least 0
   * @return a new array
   */
  public int[] permutation(int size) {
    int[] order = new int[size];
    for (int i = 0; i < size; i++) {
      int j = nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }
}
