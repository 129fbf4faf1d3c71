package io.resfuse.benchmarks.batcher;

import io.resfuse.batch.Batcher;
import io.resfuse.tensor.HostTensor;
import java.util.ArrayList;
import java.util.Arrays;
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
   * @param sorted seconds from submission to answer, ascending; the last of each thread
   */
  record Result(long count, double elapsed, double[] sorted) {
    double perSecond() {
      return count / elapsed;
    }

    double latency(double quantile) {
      return sorted[(int) Math.min(sorted.length - 1, quantile * sorted.length)];
    }
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
    double[] sorted = clients.stream().flatMapToDouble(c -> Arrays.stream(c.seen())).toArray();
    Arrays.sort(sorted);
    return new Result(clients.stream().mapToLong(c -> c.count).sum(), elapsed, sorted);
  }

  private static final class Client extends Thread {
    private final Batcher batcher;
    private final HostTensor image;
    private final long end;
    private final double[] samples = new double[MOST_SAMPLES];
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
        samples[count % MOST_SAMPLES] = (System.nanoTime() - begin) / 1e9;
        count++;
      }
    }

    double[] seen() {
      return Arrays.copyOf(samples, Math.min(count, MOST_SAMPLES));
    }
  }
}
