package io.resfuse.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Times entries in rounds. In every round each runs in turn for the same time, and the order
 * rotates, so that a noisy moment of the machine hits all alike. Not thread-safe.
 */
final class Race {
  private final int rounds;
  private final long nanos;

  Race(int rounds, double seconds) {
    this.rounds = rounds;
    this.nanos = (long) (seconds * 1e9);
  }

  /** The times of one entry. */
  static final class Times {
    private final double[] seconds;
    private final Latencies latencies = new Latencies();
    private @Nullable String loss;

    private Times(int rounds) {
      seconds = new double[rounds];
    }

    /** The rate of things of which an iteration does some, per round. */
    double[] rates(double perIteration) {
      return Arrays.stream(seconds).map(one -> perIteration / one).toArray();
    }

    /** The mean duration of an iteration, per round. */
    double[] seconds() {
      return seconds.clone();
    }

    Latencies latencies() {
      return latencies;
    }

    /** Why it has dropped out, and has no times; empty if it has not. */
    Optional<String> loss() {
      return Optional.ofNullable(loss);
    }
  }

  /** Warms all up for half a round, and times them. Who dies drops out; the others go on. */
  Map<String, Times> run(Map<String, Entry> entries) {
    Map<String, Times> times = new LinkedHashMap<>();
    entries.forEach(
        (name, entry) -> {
          Times mine = new Times(rounds);
          times.put(name, mine);
          turn(mine, () -> entry.run(nanos / 2, new Latencies()));
        });
    List<String> order = new ArrayList<>(entries.keySet());
    for (int round = 0; round < rounds; round++) {
      for (String name : order) {
        Times mine = times.get(name);
        int before = mine.latencies.count();
        turn(mine, () -> entries.get(name).run(nanos, mine.latencies));
        mine.seconds[round] = mine.latencies.meanFrom(before);
      }
      order.add(order.remove(0));
    }
    return times;
  }

  private static void turn(Times mine, Runnable run) {
    if (mine.loss == null) {
      try {
        run.run();
      } catch (CompetitorException e) {
        mine.loss = e.getMessage();
      }
    }
  }

  /** What the harness adds to an iteration, in seconds: that of an empty body. */
  static double overhead() {
    Entry empty =
        new Entry() {
          @Override
          public void run(long nanos, Latencies latencies) {
            Entry.loop(() -> {}, nanos, latencies);
          }

          @Override
          public float[] answer() {
            return new float[0];
          }

          @Override
          public void close() {}
        };
    Times times = new Race(5, 0.02).run(Map.of("empty", empty)).get("empty");
    return Summary.of(times.seconds()).median();
  }
}
