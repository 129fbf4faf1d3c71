package io.resfuse.engine.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class LoopTest {
  private static void assertEachRunsOnce(Loop loop, int count) {
    AtomicIntegerArray runs = new AtomicIntegerArray(count);
    loop.over(count, runs::incrementAndGet);
    for (int i = 0; i < count; i++) {
      assertThat(runs.get(i)).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void eachIterationRunsOnce(int threads) {
    try (Loop loop = new Loop(threads)) {
      for (int count = 0; count < 200; count++) {
        assertEachRunsOnce(loop, count);
      }
    }
  }

  @Test
  void manyThreadsHaveLoopsAtOnce() throws InterruptedException {
    AtomicInteger sum = new AtomicInteger();
    try (Loop loop = new Loop(3)) {
      List<Thread> callers = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        callers.add(
            new Thread(
                () -> {
                  for (int k = 0; k < 1000; k++) {
                    loop.over(5, sum::addAndGet);
                  }
                }));
      }
      callers.forEach(Thread::start);
      for (Thread caller : callers) {
        caller.join();
      }
    }
    assertThat(sum).hasValue(8 * 1000 * (1 + 2 + 3 + 4));
  }

  @Test
  void aBodyMayHaveALoop() {
    AtomicInteger runs = new AtomicInteger();
    try (Loop loop = new Loop(2)) {
      loop.over(10, i -> loop.over(10, k -> loop.over(10, m -> runs.incrementAndGet())));
    }
    assertThat(runs).hasValue(1000);
  }

  @Test
  void whatABodyThrowsReachesTheCallerAndTheLoopGoesOn() {
    try (Loop loop = new Loop(2)) {
      for (int wrong = 0; wrong < 20; wrong++) {
        int at = wrong;
        assertThatThrownBy(
                () ->
                    loop.over(
                        20,
                        i -> {
                          if (i == at) {
                            throw new IllegalStateException("at " + i);
                          }
                        }))
            .isInstanceOf(IllegalStateException.class)
            .hasMessage("at " + wrong);
        assertThatThrownBy(
                () ->
                    loop.over(
                        20,
                        i -> {
                          throw new OutOfMemoryError("planted");
                        }))
            .isInstanceOf(OutOfMemoryError.class);
        assertEachRunsOnce(loop, 20);
      }
    }
  }

  @Test
  void anInterruptIsKeptAndNothingIsLeftOut() {
    try (Loop loop = new Loop(2)) {
      Thread.currentThread().interrupt();
      assertEachRunsOnce(loop, 100);
      assertThat(Thread.interrupted()).isTrue();
    }
  }
}
