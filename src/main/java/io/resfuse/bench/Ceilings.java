package io.resfuse.bench;

import io.resfuse.bench.report.Ceiling;
import io.resfuse.engine.DeviceMeter;
import io.resfuse.engine.Engine;
import io.resfuse.engine.Precision;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * Measures what devices can do at most: a large copy and a large product, of each the fastest of
 * some runs. Not thread-safe.
 */
final class Ceilings {
  private static final int REPETITIONS = 5;

  /** Of a copy: no cache holds it. */
  private static final int COPY_BYTES = 256 << 20;

  private static final int PIECES = 64;

  private final Map<String, Double> copies = new TreeMap<>();
  private final List<Ceiling> all = new ArrayList<>();

  /** Measures for an engine in a precision. */
  void measure(Engine engine, String place, Precision precision, ReferenceGemm gemm) {
    double copy =
        copies.computeIfAbsent(
            place, any -> engine instanceof DeviceMeter meter ? deviceCopy(meter) : hostCopy());
    all.add(new Ceiling(engine.name(), place, precision, copy, gemm.most()));
  }

  /** Those measured so far. */
  List<Ceiling> all() {
    return all;
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
}
