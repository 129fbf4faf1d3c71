package io.resfuse.engine.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;

class LanesTest {
  /** None is done before all have begun. */
  @Test
  void runAtTheSameTime() {
    try (Lanes lanes = new Lanes(4, "test")) {
      AtomicIntegerArray runs = new AtomicIntegerArray(4);
      for (int round = 1; round <= 3; round++) {
        CountDownLatch begun = new CountDownLatch(4);
        lanes.run(
            lane -> {
              begun.countDown();
              awaitUninterruptibly(begun);
              runs.incrementAndGet(lane);
            });
        for (int lane = 0; lane < 4; lane++) {
          assertThat(runs.get(lane)).isEqualTo(round);
        }
      }
    }
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** What failed is thrown when all are done, and the next round runs. */
  @Test
  void throwWhatTheFirstThrew() {
    try (Lanes lanes = new Lanes(3, "test")) {
      AtomicIntegerArray runs = new AtomicIntegerArray(3);
      assertThatThrownBy(
              () ->
                  lanes.run(
                      lane -> {
                        runs.incrementAndGet(lane);
                        if (lane > 0) {
                          throw new IllegalStateException("lane " + lane);
                        }
                      }))
          .hasMessage("lane 1");
      lanes.run(runs::incrementAndGet);
      assertThat(List.of(runs.get(0), runs.get(1), runs.get(2))).containsExactly(2, 2, 2);
    }
  }

  @Test
  void anInterruptionIsKept() {
    try (Lanes lanes = new Lanes(2, "test")) {
      Thread.currentThread().interrupt();
      lanes.run(lane -> {});
      assertThat(Thread.interrupted()).isTrue();
    }
  }

  /** Additions as the definition has them, and each summand once. */
  @Test
  void theTree() {
    List<String> additions = new ArrayList<>();
    ShardTree.reduce(8, (into, from) -> additions.add(into + "+" + from));
    assertThat(additions).containsExactly("0+1", "2+3", "4+5", "6+7", "0+2", "4+6", "0+4");
    assertThat(ShardTree.fits(8)).isTrue();
    assertThat(ShardTree.fits(6)).isFalse();
    assertThat(ShardTree.fits(0)).isFalse();
  }
}
