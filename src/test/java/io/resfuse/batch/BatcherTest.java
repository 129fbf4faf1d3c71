package io.resfuse.batch;

import static io.resfuse.batch.FakeNetwork.answer;
import static io.resfuse.batch.FakeNetwork.image;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.batch.RequestRejectedException.Reason;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.PlanRequest;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class BatcherTest {
  private static final Duration NO_DELAY = Duration.ZERO;

  private final FakeNetwork network = new FakeNetwork();

  /** How many runs may end; for tests that hold the device. */
  private final Semaphore permits = new Semaphore(0);

  /** How many runs have begun. */
  private final Semaphore begun = new Semaphore(0);

  /** Futures that nothing is asked of. */
  private final List<CompletableFuture<?>> sent = new ArrayList<>();

  private static BatchOptions options(Duration delay, Integer... sizes) {
    return BatchOptions.defaults().withPreferredBatchSizes(List.of(sizes)).withMaxQueueDelay(delay);
  }

  private Batcher batcher(BatchOptions options) {
    Batcher batcher =
        new Batcher(List.of(new BatchTarget(network, 1)), FakeNetwork.REQUEST, null, options);
    network.onRun = plan -> network.runs.add(plan.numbers());
    return batcher;
  }

  /** A batcher whose runs wait for permits. */
  private Batcher held(BatchOptions options) {
    Batcher batcher = batcher(options);
    network.onRun =
        plan -> {
          network.runs.add(plan.numbers());
          begun.release();
          permits.acquireUninterruptibly();
        };
    return batcher;
  }

  private static List<CompletableFuture<Map<String, HostTensor>>> submit(
      Batcher batcher, int first, int count) {
    List<CompletableFuture<Map<String, HostTensor>>> futures = new ArrayList<>();
    for (int i = first; i < first + count; i++) {
      futures.add(batcher.submit(image(i)));
    }
    return futures;
  }

  /** Waits until no more than so many wait: the others are in batches. */
  private static void awaitWaiting(Batcher batcher, int most) throws InterruptedException {
    while (batcher.waiting() > most) {
      Thread.sleep(1);
    }
  }

  /**
   * Has one batch run and the next one prepared. Of batches that are taken while the device is free
   * either may be ready first.
   *
   * @param size of the batches, of images 1, 2 and so on
   */
  private void occupy(Batcher batcher, int size) throws InterruptedException {
    submit(batcher, 1, size);
    begun.acquire();
    submit(batcher, 1 + size, size);
    awaitWaiting(batcher, 0);
  }

  private static float[] logits(CompletableFuture<Map<String, HostTensor>> future) {
    HostTensor logits = future.join().get("logits");
    assertThat(logits.shape()).isEqualTo(Shape.of(1, 2));
    return logits.toArray();
  }

  private static void assertRejected(
      CompletableFuture<Map<String, HostTensor>> future, Reason reason) {
    assertThatThrownBy(future::join)
        .isInstanceOf(CompletionException.class)
        .cause()
        .isInstanceOfSatisfying(
            RequestRejectedException.class, e -> assertThat(e.reason()).isEqualTo(reason));
  }

  @Test
  void answersAreThoseOfEachImage() {
    try (Batcher batcher = batcher(options(Duration.ofMillis(1), 1, 4, 8))) {
      List<CompletableFuture<Map<String, HostTensor>>> futures = submit(batcher, 0, 100);
      for (int i = 0; i < futures.size(); i++) {
        assertThat(logits(futures.get(i))).containsExactly(answer(i));
      }
    }
    assertThat(network.open).hasValue(0);
  }

  /** Where memory is capped, large ones take what is left. */
  @Test
  void smallPlansOfAllLanesAreMadeFirst() {
    batcher(options(NO_DELAY, 4, 1)).close();
    assertThat(network.plans.stream().map(plan -> plan.request().batch()))
        .containsExactly(1, 1, 4, 4);
  }

  @Test
  void aFullBatchRunsAtOnce() {
    try (Batcher batcher = batcher(options(Duration.ofHours(1), 4))) {
      submit(batcher, 0, 4).forEach(CompletableFuture::join);
    }
    assertThat(network.runs).containsExactly(List.of(0, 1, 2, 3));
  }

  @Test
  void fewerRunAfterTheDelay() {
    try (Batcher batcher = batcher(options(Duration.ofSeconds(1), 4))) {
      long begin = System.nanoTime();
      submit(batcher, 4, 3).forEach(CompletableFuture::join);
      assertThat(System.nanoTime() - begin).isGreaterThanOrEqualTo(1_000_000_000);
    }
    assertThat(network.runs.stream().flatMap(List::stream)).contains(4, 5, 6);
  }

  @Test
  void theNextBatchIsPreparedWhileOneRuns() throws Exception {
    try (Batcher batcher = held(options(Duration.ofHours(1), 2))) {
      List<CompletableFuture<Map<String, HostTensor>>> first = submit(batcher, 10, 2);
      begun.acquire();
      List<CompletableFuture<Map<String, HostTensor>>> second = submit(batcher, 20, 2);
      while (network.plans.stream().noneMatch(plan -> plan.numbers().equals(List.of(20, 21)))) {
        Thread.sleep(1);
      }
      assertThat(first.get(0)).isNotDone();
      permits.release(2);
      assertThat(logits(second.get(1))).containsExactly(answer(21));
    }
  }

  @Test
  void badInputFailsAloneWithOneLine() {
    try (Batcher batcher = batcher(options(Duration.ofHours(1), 2).withPriorities(2))) {
      CompletableFuture<Map<String, HostTensor>> good = batcher.submit(image(1));
      assertThatThrownBy(batcher.submit(HostTensor.zeros(Shape.of(3, 2, 1)))::join)
          .hasRootCauseMessage("an image has shape 3x1x1 here, got 3x2x1");
      assertThatThrownBy(batcher.submit(HostTensor.zeros(Shape.of(2, 3, 1, 1)))::join)
          .hasRootCauseMessage("an image has shape 3x1x1 here, got 2x3x1x1");
      assertThatThrownBy(batcher.submit(image(1), RequestOptions.DEFAULT.withPriority(2))::join)
          .hasRootCauseMessage("priorities are 0 to 1, got 2");
      assertThatThrownBy(batcher.submit(new byte[9], RequestOptions.DEFAULT)::join)
          .hasRootCauseMessage(
              "pictures need a preprocessing, which this batcher was made without: submit tensors");
      HostTensor withBatch = HostTensor.of(Shape.of(1, 3, 1, 1), 3, 0.5f, 3);
      assertThat(logits(batcher.submit(withBatch))).containsExactly(answer(3));
      assertThat(logits(good)).containsExactly(answer(1));
    }
    assertThat(network.runs).hasSize(1);
  }

  @Test
  void picturesArePreparedAsTheirPreprocessingSays() throws Exception {
    Preprocessing preprocessing = Preprocessing.of("torchvision").withSize(1, 1);
    byte[] file = Files.readAllBytes(Path.of("examples/chelsea.png"));
    try (Batcher batcher =
        new Batcher(
            List.of(new BatchTarget(network, 1)),
            FakeNetwork.REQUEST,
            preprocessing,
            options(NO_DELAY, 1, 4))) {
      CompletableFuture<Map<String, HostTensor>> bad =
          batcher.submit(new byte[] {1, 2, 3}, RequestOptions.DEFAULT);
      CompletableFuture<Map<String, HostTensor>> encoded =
          batcher.submit(file, RequestOptions.DEFAULT);
      CompletableFuture<Map<String, HostTensor>> decoded =
          batcher.submit(
              new io.resfuse.data.image.ImageDecoder().decode(file, "cat"), RequestOptions.DEFAULT);
      assertThat(logits(encoded)).containsExactly(logits(decoded));
      assertThatThrownBy(bad::join).cause().hasMessageContaining("the picture that was submitted");
      Image black = Image.rgb(1, 1, new byte[3]);
      float expected = (0 - 0.485f) / 0.229f;
      assertThat(logits(batcher.submit(black, RequestOptions.DEFAULT))[0])
          .isEqualTo(2 * expected + 1);
    }
    assertThatThrownBy(
            () ->
                new Batcher(
                    List.of(new BatchTarget(network, 1)),
                    PlanRequest.logits(1, 2),
                    preprocessing,
                    options(NO_DELAY, 1)))
        .hasMessage(
            "the plans take 3 channels of 2x2, preprocessing 'torchvision@1:1' makes 3 of 1x1;"
                + " choose another one");
  }

  @Test
  void picturesOfMorePixelsThanAllowedAreRefused() throws Exception {
    byte[] file = Files.readAllBytes(Path.of("examples/chelsea.png"));
    try (Batcher batcher =
        new Batcher(
            List.of(new BatchTarget(network, 1)),
            FakeNetwork.REQUEST,
            Preprocessing.of("torchvision").withSize(1, 1),
            options(NO_DELAY, 1).withMaxPixels(451 * 300 - 1))) {
      assertThatThrownBy(batcher.submit(file, RequestOptions.DEFAULT)::join)
          .cause()
          .hasMessageContaining("its size is 451 x 300 pixels, the limit is 135299");
    }
  }

  @Test
  void aListenerIsToldOfEachRequestAndRun() throws Exception {
    List<Long> waits = new CopyOnWriteArrayList<>();
    List<String> runs = new CopyOnWriteArrayList<>();
    BatchListener listener =
        new BatchListener() {
          @Override
          public void taken(long nanos) {
            waits.add(nanos);
          }

          @Override
          public void ran(int requests, int images, long preparationNanos, long runNanos) {
            assertThat(preparationNanos).isNotNegative();
            assertThat(runNanos).isNotNegative();
            runs.add(requests + " of " + images);
          }
        };
    Duration wait = Duration.ofMillis(20);
    try (Batcher batcher = batcher(options(Duration.ofHours(1), 4).withListener(listener))) {
      submit(batcher, 1, 3);
      // They wait for a fourth until the batcher is closed.
      Thread.sleep(wait.toMillis() + 1);
    }
    assertThat(waits).hasSize(3);
    assertThat(waits.stream().mapToLong(Long::longValue).max().orElseThrow())
        .isGreaterThanOrEqualTo(wait.toNanos());
    assertThat(runs).containsExactly("3 of 4");
  }

  @Test
  void whoIsLateIsRejectedWhileTheDeviceIsBusyAndNeverComputed() throws Exception {
    RequestOptions soon = RequestOptions.DEFAULT.withTimeout(Duration.ofMillis(30));
    try (Batcher batcher = held(options(NO_DELAY, 4))) {
      submit(batcher, 1, 1);
      begun.acquire();
      CompletableFuture<Map<String, HostTensor>> waits = batcher.submit(image(2), soon);
      assertRejected(waits, Reason.DEADLINE);
      assertThat(batcher.waiting()).isZero();

      // This one is late after its batch was taken and prepared.
      CompletableFuture<Map<String, HostTensor>> taken = batcher.submit(image(3), soon);
      List<CompletableFuture<Map<String, HostTensor>>> others = submit(batcher, 4, 3);
      Thread.sleep(60);
      permits.release(2);
      assertRejected(taken, Reason.DEADLINE);
      for (int i = 0; i < others.size(); i++) {
        assertThat(logits(others.get(i))).containsExactly(answer(4 + i));
      }
      List<Integer> second = network.runs.get(1);
      assertThat(second.subList(0, 3)).containsExactlyInAnyOrder(4, 5, 6);
    }
  }

  @Test
  void whoIsCancelledLeavesTheQueue() throws Exception {
    try (Batcher batcher = held(options(Duration.ofHours(1), 2).withQueueSize(2))) {
      occupy(batcher, 2);
      CompletableFuture<Map<String, HostTensor>> first = batcher.submit(image(5));
      assertThat(first.cancel(true)).isTrue();
      assertThat(batcher.waiting()).isZero();
      CompletableFuture<Map<String, HostTensor>> second = batcher.submit(image(6));
      assertThat(second.orTimeout(1, TimeUnit.MILLISECONDS)).failsWithin(1, TimeUnit.MINUTES);
      awaitWaiting(batcher, 0);
      permits.release(3);
      List<CompletableFuture<Map<String, HostTensor>>> last = submit(batcher, 8, 2);
      assertThat(logits(last.get(0))).containsExactly(answer(8));
    }
    assertThat(network.runs).containsExactly(List.of(1, 2), List.of(3, 4), List.of(8, 9));
  }

  @Test
  void whoFindsTheQueueFullIsRejected() throws Exception {
    try (Batcher batcher = held(options(NO_DELAY, 1).withQueueSize(2))) {
      submit(batcher, 1, 1);
      awaitWaiting(batcher, 0);
      submit(batcher, 2, 1);
      awaitWaiting(batcher, 0);
      submit(batcher, 3, 2);
      CompletableFuture<Map<String, HostTensor>> tooMany = batcher.submit(image(5));
      assertRejected(tooMany, Reason.QUEUE_FULL);
      permits.release(4);
    }
    assertThat(network.runs).hasSize(4);
  }

  @Test
  void answersKeepTheOrderWhereAsked() throws Exception {
    List<Integer> order = Collections.synchronizedList(new ArrayList<>());
    BatchOptions options = options(NO_DELAY, 1).withPriorities(2).withOrder(true);
    try (Batcher batcher = held(options)) {
      sent.add(batcher.submit(image(0)).thenRun(() -> order.add(0)));
      begun.acquire();
      for (int i = 1; i < 20; i++) {
        int number = i;
        sent.add(
            batcher
                .submit(image(i), RequestOptions.DEFAULT.withPriority(i % 2))
                .thenRun(() -> order.add(number)));
      }
      permits.release(20);
    }
    assertThat(order).isSorted().hasSize(20);
    assertThat(network.runs.stream().map(run -> run.get(0)).toList()).isNotEqualTo(order);
  }

  @Test
  void whatTheEngineSaysFailsItsBatchOnly() {
    try (Batcher batcher = batcher(options(NO_DELAY, 1))) {
      network.onRun =
          plan -> {
            if (plan.numbers().contains(1)) {
              throw new EngineException("it broke");
            }
          };
      List<CompletableFuture<Map<String, HostTensor>>> futures = submit(batcher, 0, 3);
      assertThatThrownBy(futures.get(1)::join).hasRootCauseMessage("it broke");
      assertThat(logits(futures.get(0))).containsExactly(answer(0));
      assertThat(logits(futures.get(2))).containsExactly(answer(2));
    }
    assertThat(network.open).hasValue(0);
  }

  @Test
  void closingRunsAllThatWait() throws Exception {
    Batcher batcher = held(options(Duration.ofHours(1), 4));
    List<CompletableFuture<Map<String, HostTensor>>> futures = submit(batcher, 0, 11);
    begun.acquire();
    permits.release(100);
    batcher.close();
    for (int i = 0; i < futures.size(); i++) {
      assertThat(futures.get(i)).isDone();
      assertThat(logits(futures.get(i))).containsExactly(answer(i));
    }
    assertThat(network.open).hasValue(0);
    assertRejected(batcher.submit(image(1)), Reason.CLOSED);
    batcher.close();
  }

  @Test
  void closingAtOnceRejectsAllThatWait() throws Exception {
    Batcher batcher = held(options(Duration.ofHours(1), 4).withOrder(true));
    List<CompletableFuture<Map<String, HostTensor>>> futures = submit(batcher, 0, 4);
    begun.acquire();
    futures.addAll(submit(batcher, 4, 4));
    awaitWaiting(batcher, 0);
    futures.addAll(submit(batcher, 8, 3));
    Thread closer = new Thread(batcher::closeNow);
    closer.start();
    assertRejected(futures.get(10), Reason.CLOSED);
    assertThat(closer.isAlive()).isTrue();
    permits.release(2);
    closer.join();
    for (int i = 0; i < 8; i++) {
      assertThat(logits(futures.get(i))).containsExactly(answer(i));
    }
    assertThat(network.open).hasValue(0);
  }

  @Test
  void anInterruptedCloseRejectsAllThatWait() throws Exception {
    Batcher batcher = held(options(NO_DELAY, 1));
    List<CompletableFuture<Map<String, HostTensor>>> futures = submit(batcher, 0, 9);
    awaitWaiting(batcher, 7);
    AtomicBoolean interrupted = new AtomicBoolean();
    Thread closer =
        new Thread(
            () -> {
              batcher.close();
              interrupted.set(Thread.currentThread().isInterrupted());
            });
    closer.start();
    closer.interrupt();
    assertRejected(futures.get(8), Reason.CLOSED);
    permits.release(2);
    closer.join();
    assertThat(interrupted).isTrue();
    assertThat(logits(futures.get(1))).containsExactly(answer(1));
  }

  @Test
  void whatDependsOnAnAnswerMayCloseTheBatcher() throws Exception {
    Batcher batcher = batcher(options(NO_DELAY, 1));
    batcher.submit(image(1)).thenRun(batcher::close).get(10, TimeUnit.SECONDS);
    batcher.close();
    assertThat(network.open).hasValue(0);
  }

  @Test
  void devicesShareTheWorkButNotABatch() throws Exception {
    FakeNetwork other = new FakeNetwork();
    Batcher batcher =
        new Batcher(
            List.of(new BatchTarget(network, 1), new BatchTarget(other, 1)),
            FakeNetwork.REQUEST,
            null,
            options(Duration.ofMillis(300), 4));
    for (FakeNetwork each : List.of(network, other)) {
      each.onRun =
          plan -> {
            each.runs.add(plan.numbers());
            begun.release();
            permits.acquireUninterruptibly();
          };
    }
    try (batcher) {
      submit(batcher, 1, 4);
      begun.acquire();
      submit(batcher, 5, 3);
      begun.acquire();
      assertThat(network.runs).hasSize(1);
      assertThat(other.runs).hasSize(1);
      permits.release(100);
    }
  }
}
