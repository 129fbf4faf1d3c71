package io.resfuse.benchmarks.batcher;

import io.resfuse.batch.Batcher;
import io.resfuse.tensor.HostTensor;
import java.util.ArrayList;
import java.util.List;

/** Threads that each submit an image, wait for its answer, and submit the next. */
final class Clients {
  private static final int MOST_SAMPLES = 1 << 16;

  private Clients() {}

  /**
   * What they saw.
   *
   * @param count answers
   * @param elapsed seconds
   * @param answers the last of each thread
   */
  record Result(long count, double elapsed, List<Answer> answers) {
    double perSecond() {
      return count / elapsed;
    }

    double latency(double quantile) {
      return quantile(answers.stream().mapToDouble(Answer::seconds).sorted().toArray(), quantile);
    }
  }

  /**
   * An answer.
   *
   * @param at when it was there, by {@link System#nanoTime}
   * @param nanos since its image was submitted
   */
  record Answer(long at, long nanos) {
    double seconds() {
      return nanos / 1e9;
    }
  }

  static double quantile(double[] sorted, double quantile) {
    return sorted.length == 0
        ? Double.NaN
        : sorted[(int) Math.min(sorted.length - 1, quantile * sorted.length)];
  }

  static Result run(Batcher batcher, int threads, HostTensor image, double seconds)
      throws InterruptedException {
    long begin = System.nanoTime();
    long end = begin + (long) (seconds * 1e9);
    List<Client> clients = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      clients.add(new Client(batcher, image, end));
    }
    clients.forEach(Thread::start);
    for (Client client : clients) {
      client.join();
    }
    double elapsed = (System.nanoTime() - begin) / 1e9;
    List<Answer> answers = clients.stream().flatMap(client -> client.seen().stream()).toList();
    return new Result(clients.stream().mapToLong(c -> c.count).sum(), elapsed, answers);
  }

  private static final class Client extends Thread {
    private final Batcher batcher;
    private final HostTensor image;
    private final long end;
    private final long[] times = new long[MOST_SAMPLES];
    private final long[] latencies = new long[MOST_SAMPLES];
    private int count;

    Client(Batcher batcher, HostTensor image, long end) {
      this.batcher = batcher;
      this.image = image;
      this.end = end;
    }

    @Override
    public void run() {
      while (System.nanoTime() < end) {
        long begin = System.nanoTime();
        batcher.submit(image).join();
        long now = System.nanoTime();
        times[count % MOST_SAMPLES] = now;
        latencies[count % MOST_SAMPLES] = now - begin;
        count++;
      }
    }

    List<Answer> seen() {
      List<Answer> seen = new ArrayList<>();
      for (int i = 0; i < Math.min(count, MOST_SAMPLES); i++) {
        seen.add(new Answer(times[i], latencies[i]));
      }
      return seen;
    }
  }
}
