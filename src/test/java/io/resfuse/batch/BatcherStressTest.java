package io.resfuse.batch;

import static io.resfuse.batch.FakeNetwork.answer;
import static io.resfuse.batch.FakeNetwork.image;
import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.data.image.ImageDecoder;
import io.resfuse.tensor.HostTensor;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/**
 * Random requests of many threads, through batchers of random options that close at random times.
 * {@code -Dresfuse.test.batcher.requests=1000000} is the long run.
 */
class BatcherStressTest {
  private static final int REQUESTS = Integer.getInteger("resfuse.test.batcher.requests", 40_000);
  private static final int ROUNDS = 40;
  private static final int THREADS = 8;
  private static final int OUTSTANDING = 64;

  private final FakeNetwork network = new FakeNetwork();
  private final AtomicLong submitted = new AtomicLong();
  private final AtomicLong answered = new AtomicLong();
  private final AtomicLong rejected = new AtomicLong();
  private final AtomicLong cancelled = new AtomicLong();
  private final ConcurrentLinkedQueue<String> wrong = new ConcurrentLinkedQueue<>();

  private static BatchOptions options(Random random) {
    return new BatchOptions(
        random.nextBoolean() ? List.of(1, 2, 8) : List.of(1 + random.nextInt(20)),
        Duration.ofNanos(random.nextInt(300_000)),
        20 + random.nextInt(400),
        1 + random.nextInt(3),
        random.nextBoolean() ? DeadlinePolicy.REJECT : DeadlinePolicy.DELAY,
        random.nextBoolean(),
        0,
        ImageDecoder.DEFAULT_MAX_PIXELS,
        BatchListener.NONE);
  }

  private static RequestOptions request(Random random, int priorities) {
    RequestOptions how = new RequestOptions(random.nextInt(priorities), null);
    return random.nextInt(3) == 0
        ? how.withTimeout(Duration.ofNanos(random.nextInt(2_000_000)))
        : how;
  }

  /** Submits, cancels some, and holds each answer to what it must be. */
  private void submit(Batcher batcher, int priorities, int count, Random random) {
    ArrayDeque<CompletableFuture<?>> mine = new ArrayDeque<>();
    for (int i = 0; i < count; i++) {
      int number = random.nextInt(1 << 20);
      AtomicInteger times = new AtomicInteger();
      CompletableFuture<Map<String, HostTensor>> future =
          batcher.submit(image(number), request(random, priorities));
      submitted.incrementAndGet();
      mine.add(
          future.whenComplete(
              (outputs, failure) -> {
                if (times.incrementAndGet() > 1) {
                  wrong.add(number + " was answered twice");
                }
                note(number, outputs, failure);
              }));
      if (random.nextInt(10) == 0) {
        future.cancel(true);
      }
      if (mine.size() == OUTSTANDING) {
        await(mine);
      }
    }
    await(mine);
  }

  private static void await(ArrayDeque<CompletableFuture<?>> futures) {
    for (CompletableFuture<?> future = futures.poll(); future != null; future = futures.poll()) {
      try {
        future.join();
      } catch (CompletionException | CancellationException e) {
        assertThat(e).isNotNull();
      }
    }
  }

  private void note(int number, Map<String, HostTensor> outputs, Throwable failure) {
    if (failure instanceof RequestRejectedException) {
      rejected.incrementAndGet();
    } else if (failure instanceof CancellationException) {
      cancelled.incrementAndGet();
    } else if (failure != null) {
      wrong.add(number + ": " + failure);
    } else if (java.util.Arrays.equals(outputs.get("logits").toArray(), answer(number))) {
      answered.incrementAndGet();
    } else {
      wrong.add(number + " got the answer of another");
    }
  }

  private void round(int number) throws InterruptedException {
    Random random = new Random(number);
    BatchOptions options = options(random);
    int devices = 1 + random.nextInt(2);
    List<BatchTarget> targets = new ArrayList<>();
    for (int i = 0; i < devices; i++) {
      targets.add(new BatchTarget(network, 1 + random.nextInt(2)));
    }
    Batcher batcher = new Batcher(targets, FakeNetwork.REQUEST, null, options);
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < THREADS; i++) {
      Random own = new Random(1000L * number + i);
      threads.add(
          new Thread(
              () -> submit(batcher, options.priorities(), REQUESTS / ROUNDS / THREADS, own)));
    }
    threads.forEach(Thread::start);
    int end = random.nextInt(3);
    if (end > 0) {
      Thread.sleep(random.nextInt(20));
    }
    if (end == 1) {
      batcher.closeNow();
    } else if (end == 2) {
      batcher.close();
    }
    for (Thread thread : threads) {
      thread.join();
    }
    batcher.close();
    network.plans.clear();
  }

  private static long usedHeap() {
    System.gc();
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }

  @Test
  void noneIsLostAndNoneIsAnsweredTwice() throws Exception {
    long begun = 0;
    for (int i = 0; i < ROUNDS; i++) {
      round(i);
      if (i == ROUNDS / 2) {
        begun = usedHeap();
      }
    }
    assertThat(wrong).isEmpty();
    assertThat(answered.get() + rejected.get() + cancelled.get())
        .isEqualTo(submitted.get())
        .isEqualTo((long) (REQUESTS / ROUNDS / THREADS) * ROUNDS * THREADS);
    assertThat(answered.get()).isPositive();
    assertThat(rejected.get()).isPositive();
    assertThat(cancelled.get()).isPositive();
    assertThat(network.open).hasValue(0);
    assertThat(usedHeap() - begun).isLessThan(2 << 20);
    System.out.printf(
        "%d requests: %d answered, %d rejected, %d cancelled; heap grew by %d bytes%n",
        submitted.get(), answered.get(), rejected.get(), cancelled.get(), usedHeap() - begun);
  }
}
