package io.resfuse.bench;

import io.resfuse.engine.Engine;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.Precision;
import io.resfuse.verify.OperationShape;
import io.resfuse.verify.OperationShape.Kind;
import io.resfuse.verify.Parity;
import io.resfuse.verify.VerifyCase;

/**
 * A large product of matrices by an engine's own means, which is a convolution of 1x1: what a
 * device can compute at most. One owner: not thread-safe.
 */
final class ReferenceGemm implements AutoCloseable {
  private static final int REPETITIONS = 5;

  /** Products double in size until one takes so long that starting it does not count. */
  private static final double LEAST_SECONDS = 0.02;

  private static final int MOST_CHANNELS = 4096;
  private static final int IMAGE = 32;

  private final InferenceEntry entry;
  private final double flop;

  private ReferenceGemm(Engine engine, Precision precision, Parity data, int channels) {
    VerifyCase test = test(channels);
    this.entry = new InferenceEntry(engine, precision, test, data);
    this.flop = 2.0 * channels * channels * test.batch() * IMAGE * IMAGE;
  }

  /** One that is large enough for a device. */
  static ReferenceGemm large(Engine engine, Precision precision, Parity data) {
    for (int channels = 256; ; channels *= 2) {
      ReferenceGemm gemm = new ReferenceGemm(engine, precision, data, channels);
      boolean done = false;
      try {
        gemm.entry.answer();
        done = channels == MOST_CHANNELS || gemm.least() > LEAST_SECONDS;
        if (done) {
          return gemm;
        }
      } finally {
        if (!done) {
          gemm.close();
        }
      }
    }
  }

  /** A product of (4 channels, channels) and (channels, channels), as a convolution. */
  private static VerifyCase test(int channels) {
    int images = Math.max(1, 4 * channels / (IMAGE * IMAGE));
    return new OperationShape(
            Kind.CONV,
            channels,
            channels,
            false,
            new Window(1, 1, 0, 1),
            1,
            false,
            false,
            false,
            false,
            images,
            IMAGE,
            IMAGE)
        .toCase("product:");
  }

  /** Of one run, without the ways of its tensors from and to the caller where that can be told. */
  private double seconds() {
    OperationTimer timer = entry.timer().orElse(null);
    if (timer != null) {
      return timer.seconds("conv", () -> {});
    }
    Latencies latencies = new Latencies();
    entry.run(1, latencies);
    return latencies.meanFrom(0);
  }

  private double least() {
    double least = Double.POSITIVE_INFINITY;
    for (int i = 0; i < REPETITIONS; i++) {
      least = Math.min(least, seconds());
    }
    return least;
  }

  /** The fastest of some runs. */
  double most() {
    return flop / least();
  }

  /** The mean over a time, of at least one run; in FLOPs per second. */
  double mean(long nanos) {
    long begin = System.nanoTime();
    double sum = 0;
    int count = 0;
    do {
      sum += seconds();
      count++;
    } while (System.nanoTime() - begin < nanos);
    return flop * count / sum;
  }

  @Override
  public void close() {
    entry.close();
  }
}
