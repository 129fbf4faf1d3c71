package io.resfuse.bench;

import io.resfuse.engine.DeviceMeter;
import io.resfuse.engine.Engine;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.Precision;
import io.resfuse.verify.OperationShape;
import io.resfuse.verify.OperationShape.Kind;
import io.resfuse.verify.Parity;
import io.resfuse.verify.VerifyCase;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Measures what devices can do at most: a large copy, and a large product of matrices by an
 * engine's own means, which is a convolution of 1x1. Of each the fastest of some counts. Not
 * thread-safe.
 */
final class Ceilings {
  private static final int REPETITIONS = 5;

  /** Of a copy: no cache holds it. */
  private static final int COPY_BYTES = 256 << 20;

  private static final int PIECES = 64;

  /** Products double in size until one takes so long that starting it does not count. */
  private static final double LEAST_SECONDS = 0.02;

  private static final int MOST_CHANNELS = 4096;
  private static final int IMAGE = 32;

  private final Parity data;
  private final Runnable cooler;
  private final Map<String, Double> copies = new TreeMap<>();

  Ceilings(Parity data, Runnable cooler) {
    this.data = data;
    this.cooler = cooler;
  }

  /** Measures for an engine in a precision. */
  Ceiling measure(Engine engine, Precision precision) {
    String place = engine instanceof DeviceMeter meter ? meter.deviceName() : "host";
    double copy =
        copies.computeIfAbsent(
            place, any -> engine instanceof DeviceMeter meter ? deviceCopy(meter) : hostCopy());
    return new Ceiling(engine.name(), place, precision, copy, product(engine, precision));
  }

  private static double deviceCopy(DeviceMeter meter) {
    double least = Double.POSITIVE_INFINITY;
    for (int i = 0; i < REPETITIONS; i++) {
      least = Math.min(least, meter.copySeconds(COPY_BYTES));
    }
    return 2.0 * COPY_BYTES / least;
  }

  private static double hostCopy() {
    byte[] source = new byte[COPY_BYTES];
    byte[] target = new byte[COPY_BYTES];
    int length = COPY_BYTES / PIECES;
    double least = Double.POSITIVE_INFINITY;
    for (int i = 0; i <= REPETITIONS; i++) {
      long begin = System.nanoTime();
      IntStream.range(0, PIECES)
          .parallel()
          .forEach(k -> System.arraycopy(source, k * length, target, k * length, length));
      least = Math.min(least, (System.nanoTime() - begin) / 1e9);
    }
    return 2.0 * COPY_BYTES / least;
  }

  private double product(Engine engine, Precision precision) {
    double most = 0;
    for (int channels = 256; channels <= MOST_CHANNELS; channels *= 2) {
      VerifyCase test = product(channels);
      double least = Double.POSITIVE_INFINITY;
      try (InferenceEntry entry = new InferenceEntry(engine, precision, test, data)) {
        entry.answer();
        for (int i = 0; i < REPETITIONS; i++) {
          least = Math.min(least, seconds(entry));
        }
      }
      double flop = 2.0 * channels * channels * test.batch() * IMAGE * IMAGE;
      most = Math.max(most, flop / least);
      if (least > LEAST_SECONDS) {
        break;
      }
    }
    return most;
  }

  /** Of one run, without the ways of its tensors from and to the caller where that can be told. */
  private double seconds(Entry entry) {
    OperationTimer timer = entry.timer().orElse(null);
    if (timer != null) {
      return timer.seconds("conv", cooler);
    }
    cooler.run();
    Latencies latencies = new Latencies();
    entry.run(1, latencies);
    return latencies.meanFrom(0);
  }

  /** A product of (4 channels, channels) and (channels, channels), as a convolution. */
  private static VerifyCase product(int channels) {
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

  /** The best of all engines on a device in a precision; null if none was measured. */
  static @Nullable Ceiling of(List<Ceiling> all, String competitor, Precision precision) {
    String place =
        all.stream()
            .filter(one -> one.competitor().equals(competitor))
            .map(Ceiling::place)
            .findFirst()
            .orElse("");
    List<Ceiling> same = new ArrayList<>();
    for (Ceiling one : all) {
      if (one.place().equals(place) && one.precision() == precision) {
        same.add(one);
      }
    }
    return same.stream()
        .max((a, b) -> Double.compare(a.flopPerSecond(), b.flopPerSecond()))
        .orElse(null);
  }
}
