package io.resfuse.bench;

import java.util.Arrays;
import java.util.stream.IntStream;

/** Empties the caches of the CPU by writing something else, on all cores. */
final class CacheCooler implements Runnable {
  /** More than the last cache that the cores of one chip share. */
  private static final int BYTES = 128 << 20;

  private static final int PIECE = 1 << 20;

  private final long[] other = new long[BYTES / Long.BYTES];
  private long value;

  @Override
  public void run() {
    value++;
    int length = PIECE / Long.BYTES;
    IntStream.range(0, other.length / length)
        .parallel()
        .forEach(i -> Arrays.fill(other, i * length, (i + 1) * length, value));
  }
}
