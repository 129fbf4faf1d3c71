package io.resfuse.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.model.Initializer;
import io.resfuse.model.ResNetConfig;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class PlanPoolTest {
  private static final NetworkSpec NETWORK =
      ResNetConfig.of(io.resfuse.model.ResNetVariant.cifar(8, true)).build();
  private static final PlanRequest REQUEST = PlanRequest.logits(1, 8);

  private final Engine engine = Engines.open("reference", EngineOptions.defaults());

  private PlanPool pool(int concurrency, int maxIdle) {
    Parameters parameters = Initializer.seeded(1).initialize(NETWORK);
    return new PlanPool(engine.load(NETWORK, parameters, Precision.FP64), concurrency, maxIdle);
  }

  private static float runWith(InferencePlan plan, float pixel) {
    for (int i = 0; i < plan.input().capacity(); i++) {
      plan.input().put(i, pixel * i);
    }
    plan.run();
    return plan.output("logits").get(3);
  }

  @Test
  void manyThreadsGetTheirOwnAnswers() throws Exception {
    try (PlanPool pool = pool(2, 2)) {
      float[] expected = new float[16];
      for (int i = 0; i < expected.length; i++) {
        float pixel = i;
        expected[i] = pool.with(REQUEST, plan -> runWith(plan, pixel));
      }
      AtomicInteger running = new AtomicInteger();
      AtomicInteger most = new AtomicInteger();
      ExecutorService threads = Executors.newFixedThreadPool(16);
      List<Future<Float>> answers = new ArrayList<>();
      for (int round = 0; round < 10; round++) {
        for (int i = 0; i < expected.length; i++) {
          float pixel = i;
          answers.add(
              threads.submit(
                  () ->
                      pool.with(
                          REQUEST,
                          plan -> {
                            most.accumulateAndGet(running.incrementAndGet(), Math::max);
                            float answer = runWith(plan, pixel);
                            running.decrementAndGet();
                            return answer;
                          })));
        }
      }
      for (int i = 0; i < answers.size(); i++) {
        assertThat(answers.get(i).get()).isEqualTo(expected[i % expected.length]);
      }
      threads.shutdown();
      assertThat(most.get()).isBetween(1, 2);
    }
  }

  @Test
  void closingWhileInUseLetsTheCallFinishAndRefusesTheNext() throws Exception {
    PlanPool pool = pool(1, 1);
    CountDownLatch started = new CountDownLatch(1);
    CountDownLatch closed = new CountDownLatch(1);
    ExecutorService thread = Executors.newSingleThreadExecutor();
    Future<Float> answer =
        thread.submit(
            () ->
                pool.with(
                    REQUEST,
                    plan -> {
                      started.countDown();
                      try {
                        closed.await();
                      } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                      }
                      return runWith(plan, 1);
                    }));
    started.await();
    pool.close();
    closed.countDown();
    assertThat(answer.get()).isFinite();
    thread.shutdown();
    assertThatThrownBy(() -> pool.with(REQUEST, plan -> 0))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
  }

  @Test
  void keepsNoMorePlansThanItShould() {
    try (PlanPool pool = pool(1, 2)) {
      List<InferencePlan> seen = new ArrayList<>();
      for (int size = 8; size < 12; size++) {
        pool.with(PlanRequest.logits(1, size), plan -> seen.add(plan));
      }
      assertThatThrownBy(seen.get(0)::run).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(seen.get(1)::run).isInstanceOf(IllegalStateException.class);
      InferencePlan again = pool.with(PlanRequest.logits(1, 11), plan -> plan);
      assertThat(again).isSameAs(seen.get(3));
    }
  }

  @Test
  void keepsNothingOfSizesThatWereSeenOnce() throws Exception {
    try (PlanPool pool = pool(1, 2)) {
      List<WeakReference<PlanRequest>> seen = new ArrayList<>();
      for (int size = 8; size < 28; size++) {
        PlanRequest request = PlanRequest.logits(1, size);
        seen.add(new WeakReference<>(request));
        pool.with(request, plan -> 0);
      }
      for (int attempt = 0; kept(seen) > 3 && attempt < 50; attempt++) {
        System.gc();
        Thread.sleep(20);
      }
      // Two idle plans have theirs; the last may still be on the stack.
      assertThat(kept(seen)).isLessThanOrEqualTo(3);
    }
  }

  private static long kept(List<WeakReference<PlanRequest>> seen) {
    return seen.stream().filter(each -> each.get() != null).count();
  }

  @Test
  void aPlanWhoseUserFailedIsNotUsedAgain() {
    try (PlanPool pool = pool(1, 1)) {
      InferencePlan[] failed = new InferencePlan[1];
      assertThatThrownBy(
              () ->
                  pool.with(
                      REQUEST,
                      plan -> {
                        failed[0] = plan;
                        throw new IllegalArgumentException("no");
                      }))
          .hasMessage("no");
      InferencePlan other = pool.with(REQUEST, plan -> plan);
      assertThat(other).isNotSameAs(failed[0]);
    }
  }
}
