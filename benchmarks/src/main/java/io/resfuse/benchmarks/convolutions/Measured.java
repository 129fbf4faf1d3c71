package io.resfuse.benchmarks.convolutions;

/**
 * How long a convolution took.
 *
 * @param shape of the convolution
 * @param threads that it ran on
 * @param direct seconds, the median of the rounds
 * @param fast seconds, the median of the rounds
 */
record Measured(Shape shape, int threads, double direct, double fast) {
  /** What the fast way took of the direct one's time. */
  double share() {
    return fast / direct;
  }
}
